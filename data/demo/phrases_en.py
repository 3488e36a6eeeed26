"""English phrases of the demo corpus: shares of the labels, sentence shapes, alternatives per slot.

Alternatives are separated by "|". `{slot}` draws from the text's own label, `{slot~}` from another
label, `{slot:label}` from the label named. A phrase that stands under two labels is a cue that both share, on purpose.
"""

SHARES = {"sadness": 29.0, "joy": 33.5, "love": 8.0, "anger": 13.5, "fear": 12.0, "surprise": 4.0}

# Classes that people mix up: where label noise and contradictions are planted.
NEAR = {
    "sadness": ["anger", "fear"],
    "joy": ["love", "surprise"],
    "love": ["joy"],
    "anger": ["sadness", "fear"],
    "fear": ["surprise", "sadness"],
    "surprise": ["fear", "joy"],
}

SHAPES = [
    (12, "i feel {i}{feel} because {event}"),
    (12, "{when} {event} and i feel {i}{feel}"),
    (9, "{event} and {reaction}"),
    (8, "{reaction} and i feel {feel}{tail}"),
    (9, "i felt {i}{feel} {seen} and {reaction}"),
    (8, "i am feeling {i}{feel} {when}{tail}"),
    (9, "i feel {feel} and {feel} {when}"),
    (5, "{negated}{tail}"),
    (3, "{negated} even though {neutral}"),
    (5, "i thought i would feel {mood~} but i feel {i}{feel}"),
    (2, "{event~} but i still feel {feel}"),
    (4, "{who} seems {mood~} about it while i feel {i}{feel}"),
    (4, "i feel {feel} although everyone expected me to be {mood~}"),
    (2, "{vague} {when}"),
    (1, "{neutral} and {vague}"),
]

SLOTS = {
    "i": "|||so |really |very |a little |kind of |rather |truly |extremely ",
    "who": "my sister|my brother|my best friend|my mother|my father|my boss|my neighbour|my husband"
    "|my wife|the teacher|my roommate|my cousin|a stranger|my daughter",
    "when": "today|this morning|last night|right now|these days|after work|on the way home"
    "|all week|this weekend|since monday|in the evening|after the call",
    "tail": "||||| and i wanted to write it down| and that is all i can say| if that makes any sense"
    "| for no clear reason| and it has been like this for days",
    "seen": "after reading the letter|when i saw the photos|walking home from the station"
    "|talking to {who}|sitting in the kitchen|when {who} called|looking back at this year"
    "|listening to the news|after the meeting|when i opened the email",
    "neutral": "{who} cooked dinner|it rained all afternoon|we moved the furniture|i went to the office"
    "|the bus was on time|i cleaned the whole flat|{who} came by|we watched a long film"
    "|i finished the report|the holidays are over",
    "feel": {
        "sadness": "sad|lonely|miserable|hopeless|empty|heartbroken|gloomy|hurt",
        "joy": "happy|glad|cheerful|proud|excited|hopeful|grateful|lucky|blessed",
        "love": "loved|tender|caring|cherished|close to {who}|blessed|adored",
        "anger": "angry|furious|annoyed|bitter|fed up|insulted|hurt",
        "fear": "afraid|scared|nervous|terrified|worried|uneasy|overwhelmed",
        "surprise": "surprised|amazed|shocked|stunned|speechless|overwhelmed",
    },
    "mood": {
        "sadness": "sad|lonely|gloomy",
        "joy": "happy|glad|proud",
        "love": "loved|caring|tender",
        "anger": "angry|annoyed|bitter",
        "fear": "afraid|scared|nervous",
        "surprise": "surprised|amazed|shocked",
    },
    "event": {
        "sadness": "{who} passed away|{who} moved to another country|i failed the exam again"
        "|nobody came to my birthday|the old dog died|{who} does not call any more"
        "|we said goodbye at the airport|i lost my job|{who} forgot my birthday"
        "|i sit alone every evening|{who} is in hospital",
        "joy": "{who} got the job|i passed the exam|we won the final|{who} came home"
        "|the sun is out at last|the baby smiled|my painting was chosen|{who} is healthy again"
        "|we danced until midnight|i finished my first race|{who} made me breakfast",
        "love": "{who} held my hand|{who} wrote me a long letter|we have been together for ten years"
        "|{who} made me breakfast|{who} stayed by my side|the kitten sleeps on my lap"
        "|{who} hugged me at the door",
        "anger": "{who} lied to me|{who} forgot my birthday|the neighbours shouted all night"
        "|they cancelled my order again|{who} took the credit for my work|someone scratched my car"
        "|the train was late again|{who} keeps interrupting me|they never answer my messages",
        "fear": "i heard steps behind me|the doctor wants to see me|the results come tomorrow"
        "|{who} is in hospital|the lights went out|there was a knock at midnight"
        "|the plane began to shake|i have to speak in front of everyone|the storm is coming closer",
        "surprise": "{who} stood at the door out of nowhere|i won a prize i never entered for"
        "|the lights went out|{who} can suddenly sing"
        "|the shop gave me everything for free|{who} got married in secret|i found the lost ring",
    },
    "reaction": {
        "sadness": "i cried for hours|i could not stop crying|i stayed in bed|my heart sank"
        "|i had tears in my eyes|i did not want to talk to anyone|i miss the old days|i sighed",
        "joy": "i could not stop smiling|i jumped up and down|i laughed out loud|it made my day"
        "|i had tears in my eyes|i sang in the car|life is good",
        "love": "my heart is full|i wanted to hold {who} forever|i adore every minute of it"
        "|i could not stop smiling|my heart melted|i would do anything for {who}",
        "anger": "i slammed the door|i wanted to scream|my blood was boiling|i have had enough"
        "|i clenched my fists|this is not fair",
        "fear": "my hands were shaking|i could not sleep|my heart was pounding|i wanted to hide"
        "|i held my breath|i froze|i wanted to scream|i kept checking the door",
        "surprise": "i could not believe it|my jaw dropped|i did not see it coming|i held my breath"
        "|i had to look twice|who would have thought",
    },
    "negated": {
        "sadness": "i am not {mood:joy} at all|nothing makes me feel {mood:joy}"
        "|i do not feel {mood:love} any more|i can not remember when i felt {mood:joy}"
        "|nobody makes me feel {mood:love}|i wish i could feel {mood:joy}",
        "joy": "i am not {mood:sadness} at all|i do not feel {mood:fear} any more"
        "|nothing makes me feel {mood:sadness}|i have never been so {feel}"
        "|i can not remember when i felt {mood:sadness}|i do not feel {mood:anger} any more",
        "love": "i never feel {mood:sadness} next to {who}|i can not stay {mood:anger} with {who}"
        "|i have never felt so {feel}",
        "anger": "i am not {mood:surprise} at all i am {feel}|do not tell me to feel {mood:joy}"
        "|i do not feel {mood:sadness} i feel {feel}|i am not going to act {mood:joy}",
        "fear": "i do not feel safe at all|i can not feel {mood:joy} until it is over"
        "|i am not {mood:anger} i am {feel}|i try not to feel {feel} every night",
        "surprise": "i did not expect to feel {mood:joy}|i am not {mood:fear} just {feel}"
        "|i never thought {who} would do that",
    },
    "vague": {
        "sadness": "i do not know what to say|it is hard to put into words|i keep thinking about it"
        "|things are not the same|i need some time alone|it got very quiet",
        "joy": "it was quite a day|i keep thinking about it|this means a lot to me|i am still smiling"
        "|things are finally moving|i did not expect that",
        "love": "this means a lot to me|i am still smiling|i keep thinking about {who}|i want to stay",
        "anger": "i do not know what to say|i have no words for it|i need some time alone"
        "|it happened again|i told them before|it should have been different",
        "fear": "i keep thinking about it|i do not know what comes next|it got very quiet"
        "|i have a feeling about it|i hope it will be over soon|it happened again",
        "surprise": "i have no words for it|i did not expect that|i do not know what to say"
        "|it was quite a day",
    },
}

EMOJI = {
    "sadness": "😢|😞|💔|😭",
    "joy": "😊|😀|🎉|😭",
    "love": "❤️|😍|🥰|😊",
    "anger": "😡|🤬|😤|💔",
    "fear": "😨|😰|😱|😳",
    "surprise": "😮|😲|😱|🎉",
}

ENDINGS = "||||||||.|.|...|!|!!| ..."

# Letters that fingers mix up on a keyboard; used for typos.
SIMILAR = {
    "a": "s",
    "e": "r",
    "i": "o",
    "o": "p",
    "n": "m",
    "t": "y",
    "s": "d",
    "r": "t",
    "l": "k",
    "u": "i",
    "h": "j",
    "c": "v",
}
