# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Makes links in a manual page that mandoc has made HTML of: NAME(SECTION) to a page in "pages",
# lines "NAME.SECTION FILE", and a name of a section in capitals to that. All else stays text.
# The file is named twice: first it is read for its sections.

BEGIN {
	n = split(pages, words, " ")
	for (i = 1; i < n; i += 2)
		file[words[i]] = words[i + 1]
}

NR == FNR {
	line = $0
	while (match(line, / id="[^"]*"/)) {
		id[substr(line, RSTART + 5, RLENGTH - 6)]
		line = substr(line, RSTART + RLENGTH)
	}
	next
}

# A link, if there is where to.
function link(to, text) {
	return to == "" ? text : "<a href=\"" to "\">" text "</a>"
}

{
	line = $0
	while (match(line, /<b>[A-Za-z][A-Za-z0-9_. -]*<\/b>(\([1-9]\))?/)) {
		text = substr(line, RSTART, RLENGTH)
		done = done substr(line, 1, RSTART - 1)
		line = substr(line, RSTART + RLENGTH)
		name = text
		gsub(/<\/?b>/, "", name)
		to = ""
		if (name ~ /\([1-9]\)$/) {
			sub(/\(/, ".", name)
			sub(/\)/, "", name)
			if (name in file)
				to = file[name]
		} else if (name ~ /^[A-Z][A-Z -]+$/) {
			gsub(/ /, "_", name)
			if (name in id)
				to = "#" name
		}
		done = done link(to, text)
	}
	print done line
	done = ""
}
