//! The languages of explanations. Errors, and everything else, are English.

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Brazilian Portuguese.
    Portuguese,
}

impl Language {
    /// The languages with their codes, as in `LANG`.
    pub const ALL: [(&'static str, Self); 2] = [("en", Self::English), ("pt", Self::Portuguese)];

    /// Returns the language of the first locale that is set, of those in the order of their precedence: `pt_BR.UTF-8`.
    /// Any that is not known is English.
    pub fn of_locales<'a>(locales: impl IntoIterator<Item = &'a str>) -> Self {
        let set = locales.into_iter().find(|locale| !locale.is_empty());
        let code = set.and_then(|locale| locale.split(['_', '.', '@', '-']).next());
        let known = Self::ALL.iter().find(|(name, _)| Some(*name) == code);
        known.map_or(Self::English, |(_, language)| *language)
    }

    /// Returns the one of two texts that is in this language.
    pub fn pick<T>(self, english: T, portuguese: T) -> T {
        match self {
            Self::English => english,
            Self::Portuguese => portuguese,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_counts() {
        for (locales, language) in [
            (vec!["pt_BR.UTF-8", "en_US.UTF-8"], Language::Portuguese),
            (vec!["", "pt"], Language::Portuguese),
            (vec!["pt-PT"], Language::Portuguese),
            (vec!["C", "pt_BR"], Language::English),
            (vec!["de_DE"], Language::English),
            (vec!["ptx"], Language::English),
            (vec![], Language::English),
        ] {
            assert_eq!(
                Language::of_locales(locales.clone()),
                language,
                "{locales:?}"
            );
        }
    }
}
