"""Writes cases.json: what OpenAI's tokenizer makes of Unicode, HTML entities and misread text.

Run: python3 make_cases.py ../bpe_simple_vocab_16e6.txt.gz > cases.json  (needs the regex module, python3-regex on Debian)

An implementation of its own, from the documented rules: html.unescape, unicodedata and str.lower of the standard library,
the pattern through the regex module. Instead of guessing what was misread, each misread case is made by misreading a
known text, whose ids are then the ones expected.
"""
import gzip, html, json, sys, unicodedata
import regex

with gzip.open(sys.argv[1]) as f:
    merges = [tuple(line.split()) for line in f.read().decode().split("\n")[1:49152 - 256 - 2 + 1]]
kept = [b for b in range(256) if chr(b).isprintable() and b not in (0x20, 0xA0, 0xAD)]
other = [b for b in range(256) if b not in kept]
letter = {b: chr(b) for b in kept} | {b: chr(256 + i) for i, b in enumerate(other)}
names = [letter[b] for b in kept + other]
names += [n + "</w>" for n in names] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
ids = {n: i for i, n in enumerate(names)}
rank = {m: i for i, m in enumerate(merges)}
pattern = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬆ": "st", "Ĳ": "IJ", "ĳ": "ij", "ǆ": "dž", "ǅ": "Dž", "ŉ": "ʼn"}


def sloppy(b):
    """Windows-1252, whose five undefined bytes stand for themselves."""
    try:
        return bytes([b]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(b)


def fix(text):
    """The steps of ftfy.fix_text that do not guess."""
    while True:
        before = text
        if "<" not in text:
            text = regex.sub(r"&#?[0-9A-Za-z]{1,24};", lambda m: html.unescape(m[0]), text)
        text = "".join(sloppy(ord(c)) if 0x80 <= ord(c) < 0xA0 else c for c in text)
        text = regex.sub("\x1b\\[[0-9;]*[a-zA-Z]", "", text)
        for a, b in LIGATURES.items():
            text = text.replace(a, b)
        text = "".join(
            " " if c == "\u3000" else unicodedata.normalize("NFKC", c) if "\uff00" < c < "\ufff0" else c for c in text)
        text = regex.sub("[\u02bc\u2018-\u201b]", "'", regex.sub("[\u201c-\u201f]", '"', text))
        text = regex.sub("\r\n|[\r\u2028\u2029\x85]", "\n", text)
        text = regex.sub("[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff]", "", text)
        text = unicodedata.normalize("NFC", text)
        if text == before:
            return text


def bpe(word):
    parts = [letter[b] for b in word.encode()]
    parts[-1] += "</w>"
    while len(parts) > 1:
        best = min(zip(parts, parts[1:]), key=lambda p: rank.get(p, 1 << 30))
        if best not in rank:
            break
        out, i = [], 0
        while i < len(parts):
            if tuple(parts[i:i + 2]) == best:
                out.append(parts[i] + parts[i + 1])
                i += 2
            else:
                out.append(parts[i])
                i += 1
        parts = out
    return [ids[p] for p in parts]


def encode(text):
    text = html.unescape(html.unescape(fix(text))).strip()
    text = regex.sub(r"\s+", " ", text).strip().lower()
    out = [ids["<|startoftext|>"]]
    for word in pattern.findall(text):
        out += [ids[word]] if word in ("<|startoftext|>", "<|endoftext|>") else bpe(word)
    return text, out + [ids["<|endoftext|>"]]


PLAIN = [
    "Ein Hund läuft über die Straße", "ΟΔΥΣΣΕΥΣ ταξιδεύει ΣΑΣ", "İstanbul'da bir KÖPEK", "собака бежит по СНЕГУ",
    "犬がフリスビーを捕まえる", "सड़क पर एक कुत्ता दौड़ता है", "เด็กกำลังเล่นฟุตบอล", "كلب يركض في الحديقة", "여자가 요리를 하고 있다",
    "a 😀 smiling 👩‍👩‍👧 family 🇩🇪", "naïve café, soufflé & crème brûlée", "x² + y³ = ½ × ⅔ ≠ Ⅷ", "١٢٣ and 456",
    "o\u0308ffnen (decomposed)", "ﬁne ﬂuﬀy oﬃce ﬆar Ĳsland ǆep", "ＬＯＵＤ　ＮＯＩＳＥＳ ｶﾀｶﾅ １２３ ￥", "“curly” ‘quotes’ isnʼt it’s",
    "tabs\tand\nnew\r\nlines\u2028para\u2029graph\x85end", "no\u00a0break\u2003em\u3000wide\u200bzero", "bell\x07 and \x00nul \ufeffbom",
    "\x1b[31mred\x1b[0m alert", "they'll've'd I'M DON'T we're 'sup 'TIS ſ'ſ", "___foo--bar!!?*** #1 @home $5.00 50% a/b",
    "&lt;b&gt;bold&lt;/b&gt;", "<b>fish &amp; chips &ldquo;x&rdquo;</b>", "AT&amp;amp;T &amp;lt;3 &amp;amp;amp;amp; deep", "&eacute;t&eacute; &Eacute;T&Eacute; &hellip; &ldquo;hi&rdquo; &#39;q&#x27;",
    "&notit; &ampx &copy 2020 &unknown; &amp &; &#; &#x; &#xZZ;", "&#128; &#x99; &#150; &#0; &#xD800; &#x110000; &#99999999999999999999;", "&#1;&#x1F600;&#x7f;&#xfdd0;",
    "R&D Q&A &c. a&b;c", "<|startoftext|> a <|endoftext|> b", "   ", "\u200b", "ß ẞ ŉ ǅ ᾳ", "a\u0301\u0323 b\u0327", "supercalifragilisticexpialidocious " * 12,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "𝕋𝕙𝕖 𝐛𝐨𝐥𝐝 ℕ ⓐ ㊗ ①②", "١ ५ ๙ 四",
]
MISREAD = [
    "único", "l'humanité réflexion", "a café — open… at “noon”", "naïve façade, 5 € or £3 ™ ©", "Příliš žluťoučký kůň", "собака бежит", "犬が走る",
    "😀 smile 🐶", "ταξίδι", "Straße über", "• bullet ✔ check → arrow", "½ cup at 20 °C",
]

cases = [{"text": t, **dict(zip(("cleaned", "ids"), encode(t)))} for t in PLAIN]
for text in MISREAD:
    for misreading in (lambda t: t.encode().decode("latin-1"), lambda t: "".join(map(sloppy, t.encode()))):
        for times in (1, 2):
            bad = text
            for _ in range(times):
                bad = misreading(bad)
            cases.append({"text": bad, **dict(zip(("cleaned", "ids"), encode(text)))})
for text in ["not such a fan of Charlotte Brontë…”", "AHÅ™, the new sofa from IKEA®", "fine already :þ", "«A MARÇÃ»", "SÃO PAULO É…", "“IRMÔ"]:
    cases.append({"text": text, **dict(zip(("cleaned", "ids"), encode(text)))})
json.dump({"cases": cases}, sys.stdout, ensure_ascii=True, indent=0)
