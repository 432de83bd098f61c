"""What the words of a report mean, and what its numbers cannot say."""

TERMS = (
    (
        "What this is",
        (
            "A measurement of stated stances: what these models answer to these prompts, in "
            "these languages, with these settings. It does not read minds, does not say what "
            "a model would do, and does not say which answer is right."
        ),
    ),
    (
        "Scored answers",
        (
            "The model is shown options and the probability it gives to each is read from its "
            "next-token distribution; no text is written. Coverage is how much probability "
            "the options get together: a model with low coverage would have said something "
            "else."
        ),
    ),
    (
        "Stance",
        (
            "From −1 (con) to +1 (pro), the mean value of the options weighted with the "
            "model’s probabilities, with the sign turned for con statements, given that it "
            "answered."
        ),
    ),
    (
        "Divergence",
        (
            "Jensen-Shannon divergence with base 2, in bits, between two models’ answer "
            "distributions to the same question: 0 is equal, 1 is as far apart as can be."
        ),
    ),
    (
        "Noise floor and excess",
        (
            "The noise floor is the divergence between two halves of one model’s own answers, "
            "split by wording. Excess divergence is what is left between two models once "
            "their noise floors are taken off. It is zero in expectation when only wording "
            "noise parts them, and can be negative."
        ),
    ),
    (
        "Intervals and tests",
        (
            "95% intervals by resampling question families, not answers, because wordings of "
            "one question are not independent. p-values by permuting models within families, "
            "adjusted for the number of comparisons. “No difference found” does not mean that "
            "two models are the same: see the smallest detectable difference beside each "
            "number."
        ),
    ),
    (
        "Gates",
        (
            "A model that answers differently when options are reversed, agrees with a "
            "statement and its opposite, or fails uncontroversial controls has no stance to "
            "report in that language. It is marked “not measurable”, and stays out of every "
            "headline."
        ),
    ),
    (
        "Outcomes of written answers",
        (
            "By an automatic classifier. Intervals of rates as labelled are Wilson’s and cover "
            "sampling only. Corrected rates consider how the classifier labelled test answers in "
            "the language, or what people said of a sample of the run. Where neither says enough, "
            "the worst case is how far its errors could move a rate."
        ),
    ),
    (
        "Choices and specifications",
        (
            "A specification is one way to do the analysis: which answers count, in which order "
            "and with which labels they were asked, how they are averaged, what becomes of "
            "declined ones. They are made of the same answers, so the share of specifications "
            "that agree is no probability."
        ),
    ),
    (
        "Limits",
        (
            "Topics and their wording were chosen by people, and other wordings could give "
            "other numbers. Small models (under about one billion parameters) often fail the "
            "gates and write text of little meaning; they show that the method runs, not what "
            "larger models of the same makers say. Quantisation can change answers. A base "
            "model was not trained to converse and is asked in a plain question-and-answer "
            "frame."
        ),
    ),
)
