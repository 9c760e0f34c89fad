use std::borrow::Cow;

/// Replaces a secret.
const MASK: &str = "***";

/// Separates parameters, and begins a query or a fragment.
const SEPARATORS: [char; 4] = ['?', '&', ';', '#'];

const SLASHES: [char; 2] = ['/', '\\'];

/// Characters after a URL in a sentence or in brackets, which are not part of it.
const TRAILING: [char; 10] = [')', ']', '}', '\'', '`', '.', ',', ':', ';', '!'];

/// Masks the secrets in the URLs of a text: userinfo, and the values in queries and fragments, except those
/// of the parameters for which `shows` returns true. Paths are not masked.
///
/// It masks everything that looks like a URL: complete or from its path on, in quotes, in brackets or in a
/// sentence. In doubt, it masks. The faults of attempts and the `Debug` of a [`CallError`](crate::CallError)
/// are masked like this, because some clients quote the URL of the request in their errors.
///
/// ```
/// use martello_outcome::mask_urls;
///
/// let said = "GET https://me:secret@api.example/plannings?limit=100&key=abc: connection reset";
/// assert_eq!(
///     mask_urls(said, |name| name == "limit"),
///     "GET https://***@api.example/plannings?limit=100&key=***: connection reset"
/// );
/// ```
pub fn mask_urls(text: &str, shows: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !text.contains(['/', '\\', '?']) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    for word in text.split_inclusive(ends_url) {
        let (word, space) = split(word, word.trim_end_matches(ends_url).len());
        let (word, trailing) = split(word, word.trim_end_matches(TRAILING).len());
        let (path, parameters) = split(word, end_of_path(word));
        mask_userinfo(path, &mut masked);
        mask_parameters(parameters, path.contains(SLASHES), &shows, &mut masked);
        masked.push_str(trailing);
        masked.push_str(space);
    }
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// No URL holds these, not even one that `http::Uri` takes.
fn ends_url(char: char) -> bool {
    char.is_whitespace() || char.is_control() || matches!(char, '"' | '<' | '>')
}

/// A `#` begins a fragment only after a path; otherwise it is prose.
fn end_of_path(word: &str) -> usize {
    let query = word.find('?').unwrap_or(word.len());
    let fragment = word.find('#').filter(|at| word.find(SLASHES).is_some_and(|slash| slash < *at));
    fragment.map_or(query, |fragment| fragment.min(query))
}

/// A host follows two slashes (RFC 3986 §4.2), with or without a scheme. Browsers treat backslashes as
/// slashes.
fn mask_userinfo(mut path: &str, out: &mut String) {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    while let Some(at) = path.as_bytes().windows(2).position(|pair| pair.iter().all(is_slash)) {
        let slashes = path.bytes().skip(at).take_while(is_slash).count();
        let (before, rest) = split(path, at + slashes);
        let (authority, rest) = split(rest, rest.find(SLASHES).unwrap_or(rest.len()));
        out.push_str(before);
        match authority.rsplit_once('@') {
            Some((_, host)) => out.extend([MASK, "@", host]),
            None => out.push_str(authority),
        }
        path = rest;
    }
    out.push_str(path);
}

/// Writes each parameter with its separator. In a URL, a parameter without a name may be a token, and is
/// masked.
fn mask_parameters(mut rest: &str, in_url: bool, shows: &impl Fn(&str) -> bool, out: &mut String) {
    while let Some(separator) = rest.chars().next() {
        let (_, parameters) = split(rest, separator.len_utf8());
        let (parameter, after) = split(parameters, parameters.find(SEPARATORS).unwrap_or(parameters.len()));
        let (name, value) =
            parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)));
        out.push(separator);
        match value {
            _ if parameter.is_empty() || shows(name) => out.push_str(parameter),
            Some(_) => out.extend([name, "=", MASK]),
            None if in_url && separator != '#' => out.push_str(MASK),
            None => out.push_str(parameter),
        }
        rest = after;
    }
}
