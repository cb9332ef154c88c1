//! Property: the sets that `\p{…}` names, spelt as JavaScript spells them.
//!
//! JavaScript takes exact names only, and `regex-syntax` takes them in any spelling, so that the
//! names are listed here and the characters come from there (our release's tables, page 3.6.4).

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, HirKind};

use super::set::CodePoints;

/// General categories.
const CATEGORIES: &str = "\
    Cased_Letter LC Close_Punctuation Pe Connector_Punctuation Pc Control Cc cntrl \
    Currency_Symbol Sc Dash_Punctuation Pd Decimal_Number Nd digit Enclosing_Mark Me \
    Final_Punctuation Pf Format Cf Initial_Punctuation Pi Letter L Letter_Number Nl \
    Line_Separator Zl Lowercase_Letter Ll Mark M Combining_Mark Math_Symbol Sm Modifier_Letter \
    Lm Modifier_Symbol Sk Nonspacing_Mark Mn Number N Open_Punctuation Ps Other C Other_Letter \
    Lo Other_Number No Other_Punctuation Po Other_Symbol So Paragraph_Separator Zp Private_Use \
    Co Punctuation P punct Separator Z Space_Separator Zs Spacing_Mark Mc Surrogate Cs Symbol S \
    Titlecase_Letter Lt Unassigned Cn Uppercase_Letter Lu";

/// Binary properties.
const BINARY: &str = "\
    Alphabetic Alpha ASCII_Hex_Digit AHex Bidi_Control Bidi_C Bidi_Mirrored Bidi_M \
    Case_Ignorable CI Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM \
    Changes_When_Lowercased CWL Changes_When_Titlecased CWT Changes_When_Uppercased CWU Dash \
    Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component EComp \
    Emoji_Modifier EMod Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic \
    ExtPict Extender Ext Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex \
    IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS Ideographic \
    Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math \
    Noncharacter_Code_Point NChar Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS \
    Quotation_Mark QMark Radical Regional_Indicator RI Sentence_Terminal STerm Soft_Dotted SD \
    Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase Upper Variation_Selector VS \
    White_Space space XID_Continue XIDC XID_Start XIDS";

/// Scripts.
const SCRIPTS: &str = "\
    Adlam Adlm Aghb Ahom Anatolian_Hieroglyphs Arab Arabic Armenian Armi Armn Avestan Avst Bali \
    Balinese Bamu Bamum Bass Bassa_Vah Batak Batk Beng Bengali Bhaiksuki Bhks Bopo Bopomofo Brah \
    Brahmi Brai Braille Bugi Buginese Buhd Buhid Cakm Canadian_Aboriginal Cans Cari Carian \
    Caucasian_Albanian Chakma Cham Cher Cherokee Chorasmian Chrs Common Copt Coptic Cpmn Cprt \
    Cuneiform Cypriot Cypro_Minoan Cyrillic Cyrl Deseret Deva Devanagari Diak Dives_Akuru Dogr \
    Dogra Dsrt Dupl Duployan Egyp Egyptian_Hieroglyphs Elba Elbasan Elym Elymaic Ethi Ethiopic \
    Gara Garay Geor Georgian Glag Glagolitic Gong Gonm Goth Gothic Gran Grantha Greek Grek \
    Gujarati Gujr Gukh Gunjala_Gondi Gurmukhi Guru Gurung_Khema Han Hang Hangul Hani \
    Hanifi_Rohingya Hano Hanunoo Hatr Hatran Hebr Hebrew Hira Hiragana Hluw Hmng Hmnp Hung \
    Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Ital Java Javanese \
    Kaithi Kali Kana Kannada Katakana Kawi Kayah_Li Khar Kharoshthi Khitan_Small_Script Khmer \
    Khmr Khoj Khojki Khudawadi Kirat_Rai Kits Knda Krai Kthi Lana Lao Laoo Latin Latn Lepc \
    Lepcha Limb Limbu Lina Linb Linear_A Linear_B Lisu Lyci Lycian Lydi Lydian Mahajani Mahj \
    Maka Makasar Malayalam Mand Mandaic Mani Manichaean Marc Marchen Masaram_Gondi Medefaidrin \
    Medf Meetei_Mayek Mend Mende_Kikakui Merc Mero Meroitic_Cursive Meroitic_Hieroglyphs Miao \
    Mlym Modi Mong Mongolian Mro Mroo Mtei Mult Multani Myanmar Mymr Nabataean Nag_Mundari Nagm \
    Nand Nandinagari Narb Nbat New_Tai_Lue Newa Nko Nkoo Nshu Nushu Nyiakeng_Puachue_Hmong Ogam \
    Ogham Ol_Chiki Ol_Onal Olck Old_Hungarian Old_Italic Old_North_Arabian Old_Permic \
    Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Onao Oriya Orkh Orya Osage \
    Osge Osma Osmanya Ougr Pahawh_Hmong Palm Palmyrene Pau_Cin_Hau Pauc Perm Phag Phags_Pa Phli \
    Phlp Phnx Phoenician Plrd Prti Psalter_Pahlavi Qaac Qaai Rejang Rjng Rohg Runic Runr \
    Samaritan Samr Sarb Saur Saurashtra Sgnw Sharada Shavian Shaw Shrd Sidd Siddham SignWriting \
    Sind Sinh Sinhala Sogd Sogdian Sogo Sora Sora_Sompeng Soyo Soyombo Sund Sundanese Sunu \
    Sunuwar Sylo Syloti_Nagri Syrc Syriac Tagalog Tagb Tagbanwa Tai_Le Tai_Tham Tai_Viet Takr \
    Takri Tale Talu Tamil Taml Tang Tangsa Tangut Tavt Telu Telugu Tfng Tglg Thaa Thaana Thai \
    Tibetan Tibt Tifinagh Tirh Tirhuta Tnsa Todhri Todr Toto Tulu_Tigalari Tutg Ugar Ugaritic \
    Vai Vaii Vith Vithkuqi Wancho Wara Warang_Citi Wcho Xpeo Xsux Yezi Yezidi Yi Yiii \
    Zanabazar_Square Zanb Zinh Zyyy";

/// Properties of strings, which only the flag v has.
const OF_STRINGS: &[&str] = &[
    "Basic_Emoji",
    "Emoji_Keycap_Sequence",
    "RGI_Modifier_Sequence",
    "RGI_Flag_Sequence",
    "RGI_Emoji_Modifier_Sequence",
    "RGI_Emoji_Tag_Sequence",
    "RGI_Emoji_ZWJ_Sequence",
    "RGI_Emoji",
    "RGI_Emoji_Flag_Sequence",
];

/// Why a name is no property here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProperty {
    /// JavaScript has none of that name.
    Unknown,
    /// JavaScript has it, and our tables have not.
    Missing,
    /// A property of strings.
    OfStrings,
}

/// The set that `\p{text}` names.
pub(super) fn property(text: &str) -> Result<CodePoints, NoProperty> {
    let listed = |list: &str, name: &str| list.split(' ').any(|known| known == name);
    let (query, known) = match text.split_once('=') {
        Some(("General_Category" | "gc", value)) => return category(value),
        Some(("Script" | "sc" | "Script_Extensions" | "scx", "Unknown" | "Zzzz")) => {
            return Ok(of_no_script());
        }
        Some(("Script" | "sc", value)) => (format!("sc={value}"), listed(SCRIPTS, value)),
        Some(("Script_Extensions" | "scx", value)) => {
            (format!("scx={value}"), listed(SCRIPTS, value))
        }
        Some(_) => return Err(NoProperty::Unknown),
        None => match text {
            "Any" => return Ok(CodePoints::all(true)),
            "ASCII" => return Ok(CodePoints::of(&[(0, 0x7F)])),
            "Assigned" => return Ok(category("Cn")?.complement(true)),
            "Changes_When_NFKC_Casefolded" | "CWKCF" => return Err(NoProperty::Missing),
            _ if OF_STRINGS.contains(&text) => return Err(NoProperty::OfStrings),
            _ if listed(BINARY, text) => (text.to_string(), true),
            _ => return category(text),
        },
    };
    if !known {
        return Err(NoProperty::Unknown);
    }
    lookup(&query).ok_or(NoProperty::Missing)
}

const SURROGATES: &[(u32, u32)] = &[(0xD800, 0xDFFF)];

/// A general category; `regex-syntax` counts no surrogates.
fn category(name: &str) -> Result<CodePoints, NoProperty> {
    if !CATEGORIES.split(' ').any(|known| known == name) {
        return Err(NoProperty::Unknown);
    }
    let mut set = match name {
        "Surrogate" | "Cs" => CodePoints::default(),
        _ => lookup(&format!("gc={name}")).ok_or(NoProperty::Missing)?,
    };
    if matches!(name, "Surrogate" | "Cs" | "Other" | "C") {
        set.add_all(&CodePoints::of(SURROGATES));
    }
    Ok(set)
}

/// What no script has.
fn of_no_script() -> CodePoints {
    let mut ranges = Vec::new();
    for script in SCRIPTS.split(' ') {
        if let Some(set) = lookup(&format!("sc={script}")) {
            ranges.extend_from_slice(set.ranges());
        }
    }
    CodePoints::of(&ranges).complement(true)
}

fn lookup(query: &str) -> Option<CodePoints> {
    let hir = ParserBuilder::new().build().parse(&format!("\\p{{{query}}}")).ok()?;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(CodePoints::from_class(class)),
        HirKind::Literal(literal) => {
            let character = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(CodePoints::of(&[(u32::from(character), u32::from(character))]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_has_characters() {
        for name in CATEGORIES.split(' ') {
            assert!(property(name).is_ok_and(|set| !set.is_empty()), "{name}");
        }
        for name in BINARY.split(' ') {
            assert!(property(name).is_ok_and(|set| !set.is_empty()), "{name}");
        }
        for name in SCRIPTS.split(' ') {
            let set = property(&format!("Script={name}"));
            assert!(set.is_ok_and(|set| !set.is_empty()), "{name}");
            assert!(property(&format!("scx={name}")).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_are_taken_exactly() {
        for name in
            ["lu", "Latin", "Script=latin", "gc=lu", "IsLu", "L ", "sc=", "General_category=L"]
        {
            assert_eq!(property(name).err(), Some(NoProperty::Unknown), "{name}");
        }
        let unknown = property("sc=Zzzz").unwrap();
        assert!(unknown.contains(0xE000) && unknown.contains(0x378) && !unknown.contains(0x41));
        assert_eq!(property("RGI_Emoji").err(), Some(NoProperty::OfStrings));
        assert_eq!(property("CWKCF").err(), Some(NoProperty::Missing));
    }
}
