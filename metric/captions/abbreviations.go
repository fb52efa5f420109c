package captions

import (
	"slices"
	"strings"
)

// Abbreviations keep their dot; every other word before a dot is a word and a full stop. Those that capitals tell from
// ordinary words stand here with a capital and are abbreviations in that form only.
var (
	// titled are followed by what they belong to and end no sentence.
	titled = words(`adj adm assoc asst ave brig capt cf cmdr col cpl dept det dr drs ens ft gen gov govs hon insp lieut lt maj
		messrs mlle mme mr mrs ms msgr mt pfc pres prof profs pvt rep reps rev sen sens sfc sgt spc st ste supt v vs Miss`)

	// closing may be a sentence's last word.
	closing = words(`al apr aug av bancorp bhd blvd bros calif cie cir co colo conn corp ctr dec del dist esq est etc ext feb fla
		fri fwy ga hwy inc intl jan jr jul jun kan kans kg ky lb lbs ltd mar md mfg mich minn mo mon mont nev nov oct okla
		oz pkwy plc pp pte pty rd rte sept sep sq sr tel tenn thu thur thurs tue tues va vt wed wis wyo
		Ariz Ark Ill Ind Mass Neb Ore Pa Penn Tex Wash`)

	// numbered keep their dot before a number only.
	numbered = words(`ca fig figs no nos p pp sec vol vols`)

	// openers are the words that begin a sentence after an acronym: "in the U.S. The …".
	openers = words(`A About After All Also Although An Another Any As At Because Before Both But By Each Even For From He Her Here
		His How However If In It Its Many More My No Not Now On Once One Only Or Other Our Perhaps She Since So Some Such
		That The Their Then There These They This Those Though To Under Until We Well What When Where Which While Who Why
		With Yet You Your`)
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// endsSentence returns how many of the characters from i on say that a sentence may end there: a blank and a capital, two
// blanks, or the end of the text. Ends of captions are blanks.
func endsSentence(s []rune, i int) int {
	if i+1 >= len(s) {
		return len(s) - i
	}
	if isSpace(s[i]) && (isSpace(s[i+1]) || isCapital(s[i+1])) {
		return 2
	}
	return 0
}

// abbreviation takes a listed abbreviation with its dot.
func abbreviation(s []rune) found {
	n := run(s, 0, isLetter, 0)
	if n == 0 || n > 8 || n+1 >= len(s) || s[n] != '.' {
		return found{}
	}
	written := string(s[:n])
	in := func(list map[string]bool) bool { return list[written] || list[strings.ToLower(written)] }
	n++
	if in(numbered) {
		blank := run(s, n, isSpace, 1)
		if n+blank < len(s) && isDigit(s[n+blank]) {
			return found{length: n, ahead: blank + 1}
		}
	}
	switch {
	case in(closing):
		if ahead := endsSentence(s, n); ahead > 0 {
			return found{length: n, ahead: ahead, dot: true}
		}
		return found{length: n}
	case in(titled):
		return found{length: n}
	}
	return found{}
}

// acronym takes single letters that each have a dot: p.m., U.S. Before a word that begins a sentence the last dot counts
// twice, as the acronym's and as the sentence's; a lone letter gives it away.
func acronym(s []rune) found {
	n := 0
	for n+1 < len(s) && isASCIILetter(s[n]) && s[n+1] == '.' {
		n += 2
	}
	if n == 0 || n < len(s) && isWord(s[n]) || n == 2 && numbered[strings.ToLower(string(s[0]))] {
		return found{}
	}
	blanks := run(s, n, isSpace, 0)
	next := run(s, n+blanks, isASCIILetter, 0)
	if end := n + blanks + next; blanks > 0 && end < len(s) && isSpace(s[end]) && openers[string(s[n+blanks:end])] {
		if n == 2 {
			return found{length: 1, ahead: end - 1}
		}
		return found{length: n, ahead: end - n, dot: true}
	}
	return found{length: n}
}

// beforeComma takes any word with a dot before , ; or : where the dot can only be the word's.
func beforeComma(s []rune) found {
	n := wordLength(s, 0)
	if n > 0 && n+1 < len(s) && s[n] == '.' && slices.Contains([]rune(",;:"), s[n+1]) {
		return found{length: n + 1, ahead: 1}
	}
	return found{}
}
