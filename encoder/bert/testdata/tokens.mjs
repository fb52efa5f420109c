// Writes tokens.json, the tokens that Hugging Face's tokenizer finds in the sentences of bert/texts.json.
//
// Run in this folder: node tokens.mjs FOLDER/node_modules  (where @huggingface/tokenizers 0.2.0 is installed)
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { Tokenizer } = await import(pathToFileURL(path.resolve(process.argv[2], "@huggingface/tokenizers/dist/tokenizers.mjs")));
const pieces = fs.readFileSync("bert/vocab.txt", "utf8").trimEnd().split("\n");
const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
const { max_position_embeddings: context } = JSON.parse(fs.readFileSync("bert/config.json", "utf8"));
const special = (content) => ({ id: vocab[content], content, special: true, normalized: false, lstrip: false, rstrip: false, single_word: false });
const tokenizer = new Tokenizer({
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab },
  post_processor: { type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "[SEP]", type_id: 0 } }],
    pair: [], special_tokens: Object.fromEntries(["[CLS]", "[SEP]"].map((s) => [s, { id: s, ids: [vocab[s]], tokens: [s] }])) },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(special),
}, { model_max_length: context, do_lower_case: true, tokenizer_class: "BertTokenizer" });
const texts = JSON.parse(fs.readFileSync("bert/texts.json", "utf8"));
const rows = texts.map((text) => {
  const { ids } = tokenizer.encode(text); // all of them: this library does not cut
  return ids.length > context ? [...ids.slice(0, context - 1), vocab["[SEP]"]] : ids;
});
fs.writeFileSync("tokens.json", "[\n" + rows.map((ids) => JSON.stringify(ids)).join(",\n") + "\n]\n");
