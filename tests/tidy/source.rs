//! A Rust source file taken apart far enough to hold it against the style sheet.

/// A file's text, once as it is, once as code alone and once as comments alone.
///
/// In `code` comments and literals are blank, and in `comments` all else is; both have the lines
/// of the text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: Vec<String>,
    pub(crate) code: Vec<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) blocks: Vec<Block>,
}

/// A pair of braces and what stands before it.
pub(crate) struct Block {
    /// The code from the end of the last statement or block to the opening brace.
    pub(crate) header: String,
    /// The lines, counted from 0, of the `fn` or else of the opening brace, and of the closing one.
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) is_function: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let (code, comments) = separate(text);
        let lines = |text: &str| text.lines().map(String::from).collect();
        Self {
            path: String::from(path),
            text: lines(text),
            blocks: blocks(&code),
            code: lines(&code),
            comments: lines(&comments),
        }
    }

    /// The blocks around a line, the outermost first.
    pub(crate) fn around(&self, line: usize) -> impl DoubleEndedIterator<Item = &Block> {
        self.blocks.iter().filter(move |block| (block.first..=block.last).contains(&line))
    }

    /// True if the line belongs to the unit tests of a file.
    pub(crate) fn is_in_tests(&self, line: usize) -> bool {
        self.around(line).any(|block| block.header.contains("mod tests"))
    }

    /// The comments that belong to what is on `line`: on the line itself, and above it up to the
    /// end of the statement or block before.
    pub(crate) fn attached_comments(&self, line: usize) -> String {
        let is_boundary = |code: &str| code.trim_end().ends_with([';', '{', '}', ',']);
        let above = (0..line).rev().take_while(|above| !is_boundary(&self.code[*above]));
        let first = above.last().unwrap_or(line);
        self.comments[first..=line].join("\n")
    }
}

/// Splits a text into its code and its comments, each with blanks in place of the other.
fn separate(text: &str) -> (String, String) {
    let mut separator =
        Separator { rest: text, before: ' ', code: String::new(), comments: String::new() };
    while !separator.rest.is_empty() {
        separator.step();
    }
    (separator.code, separator.comments)
}

struct Separator<'a> {
    rest: &'a str,
    /// The last character of code, to tell a raw string from a name that ends with `r`.
    before: char,
    code: String,
    comments: String,
}

impl Separator<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            self.comment(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.comment(block_comment_length(self.rest));
        } else if let Some(length) = self.literal_length() {
            self.literal(length);
        } else {
            self.plain(1);
        }
    }

    /// The length of the literal that begins here, if one does.
    fn literal_length(&self) -> Option<usize> {
        let in_name = self.before.is_alphanumeric() || self.before == '_';
        let after_prefix = self.rest.trim_start_matches(['b', 'c', 'r']);
        let prefix = &self.rest[..self.rest.len() - after_prefix.len()];
        if !prefix.is_empty() && (in_name || prefix.len() > 2) {
            return None;
        }
        let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
        if prefix.ends_with('r') && after_prefix[hashes..].starts_with('"') {
            let opened = prefix.len() + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = self.rest[opened..].find(&end).unwrap_or(self.rest.len() - opened);
            return Some((opened + inside + end.len()).min(self.rest.len()));
        }
        match after_prefix.chars().next() {
            Some('"') => Some(prefix.len() + quoted_length(after_prefix, '"')),
            Some('\'') if is_character(after_prefix) => {
                Some(prefix.len() + quoted_length(after_prefix, '\''))
            }
            _ => None,
        }
    }

    fn comment(&mut self, length: usize) {
        let (comment, rest) = self.rest.split_at(length);
        self.comments.push_str(comment);
        self.code.push_str(&blank(comment));
        self.rest = rest;
    }

    fn literal(&mut self, length: usize) {
        let (literal, rest) = self.rest.split_at(length);
        self.comments.push_str(&blank(literal));
        self.code.push_str(&blank(literal));
        self.before = '"';
        self.rest = rest;
    }

    fn plain(&mut self, characters: usize) {
        for character in self.rest.chars().take(characters) {
            self.code.push(character);
            self.comments.push(if character == '\n' { '\n' } else { ' ' });
            self.before = character;
            self.rest = &self.rest[character.len_utf8()..];
        }
    }
}

fn blank(text: &str) -> String {
    text.chars().map(|character| if character == '\n' { '\n' } else { ' ' }).collect()
}

/// The length of a comment that may hold others.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// The length of a literal with its quotes, in which a backslash takes the next character along.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if !escaped && character == quote {
            return at + 1;
        }
        escaped = !escaped && character == '\\';
    }
    text.len()
}

/// Tells a character literal from a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    let first = characters.next();
    first == Some('\\') || (first != Some('\'') && characters.next() == Some('\''))
}

/// Finds all pairs of braces, in the order in which they open.
fn blocks(code: &str) -> Vec<Block> {
    let mut finder = Finder::default();
    for (line, text) in code.lines().enumerate() {
        for character in text.chars() {
            finder.step(line, character);
        }
        finder.header.push('\n');
    }
    finder.blocks
}

#[derive(Default)]
struct Finder {
    blocks: Vec<Block>,
    /// The blocks not yet closed, each with the count of parentheses open around it.
    open: Vec<(usize, i32)>,
    header: String,
    parentheses: i32,
}

impl Finder {
    fn step(&mut self, line: usize, character: char) {
        match character {
            '{' => self.open(line),
            '}' => self.close(line),
            ';' if self.parentheses == 0 => self.header.clear(),
            _ => {
                self.parentheses += i32::from(matches!(character, '(' | '['));
                self.parentheses -= i32::from(matches!(character, ')' | ']'));
                self.header.push(character);
            }
        }
    }

    fn open(&mut self, line: usize) {
        let header = std::mem::take(&mut self.header);
        let name = function_offset(&header);
        let lines_before = header[name.unwrap_or(header.len())..].matches('\n').count();
        self.open.push((self.blocks.len(), std::mem::take(&mut self.parentheses)));
        let first = line - lines_before;
        self.blocks.push(Block { header, first, last: line, is_function: name.is_some() });
    }

    fn close(&mut self, line: usize) {
        if let Some((block, outside)) = self.open.pop() {
            self.blocks[block].last = line;
            self.parentheses = outside;
        }
        self.header.clear();
    }
}

/// Where in a block's header the `fn` of a named function stands.
fn function_offset(header: &str) -> Option<usize> {
    header.match_indices("fn ").map(|(at, _)| at).find(|at| {
        let before = header[..*at].chars().next_back().unwrap_or(' ');
        let after = header[at + 3..].chars().next().unwrap_or(' ');
        before.is_whitespace() && (after.is_alphabetic() || after == '_')
    })
}
