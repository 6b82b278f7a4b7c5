# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The manual pages as HTML, with links between them. Part of the Makefile.

docs_dir := $(O)/docs
# A page, and each name under which it is found as well: "NAME.SECTION FILE".
docs_pages = $(foreach m,$(notdir $(man)),$m $m.html) \
	     $(foreach p,open changed wait,$(also_$p:%=vmgen_%.3 vmgen_$p.3.html))
docs_pictures := daemon/vmgen.svg
docs_made := $(addprefix $(docs_dir)/,$(addsuffix .html,$(notdir $(man))) $(notdir $(docs_pictures)) style.css index.html)

docs: $(docs_made)

$(docs_dir)/vmgen.svg: daemon/vmgen.svg
	$(Q)mkdir -p $(@D) && cp $< $@
$(docs_dir)/style.css: packaging/html/style.css
	$(Q)mkdir -p $(@D) && cp $< $@

# All pages lie in one directory here.
define html
$(docs_dir)/$(notdir $(1)).html: $(O)/$(1) packaging/html/link.awk
	$$(call say,HTML)
	$(Q)mkdir -p $$(@D) && mandoc -T html -O style=style.css $$< >$$@.plain && \
		awk -v pages='$$(docs_pages)' -f packaging/html/link.awk $$@.plain $$@.plain >$$@ && rm $$@.plain
endef
$(foreach m,$(man),$(eval $(call html,$(m))))

# With what each page says of itself in its NAME.
index = sed -n '/^\# NAME$$/,/^\# SYN/s/^\([a-z].*\) - \(.*\)/\2/p' $(1).scd | \
	sed -e 's/\\//g' -e 's|.*|<li><a href="$(notdir $(1)).html">$(basename $(notdir $(1)))($(subst .,,$(suffix $(1))))</a>: &</li>|';
$(docs_dir)/index.html: $(man:%=%.scd) packaging/html/html.mk
	$(call say,HTML)
	$(Q)mkdir -p $(@D) && { \
		echo '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>vmgen</title>'; \
		echo '<link rel="stylesheet" href="style.css"/></head><body><h1>vmgen</h1>'; \
		echo '$(foreach p,$(notdir $(docs_pictures)),<p><img src="$p" alt="How a change travels"/></p>)<ul>'; \
		{ $(foreach m,$(man),$(call index,$(m))) } | sort; echo '</ul></body></html>'; } >$@

help::
	@echo 'make docs       the manual pages as HTML with links, in $(docs_dir); begin with index.html'

.PHONY: docs
