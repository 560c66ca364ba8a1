//! The forge's verbs and the permits they ask for.
