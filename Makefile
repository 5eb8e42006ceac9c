# Building and installing by hand. `make help` lists the targets; DESTDIR and PREFIX are respected.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(SYSCONFDIR)/systemd/system
BINDIR      = $(DESTDIR)$(PREFIX)/bin
SHAREDIR    = $(DESTDIR)$(PREFIX)/share
CONFDIR     = $(DESTDIR)$(SYSCONFDIR)/pmon3
LOGDIR      = $(DESTDIR)/var/log/pmond

CARGO      ?= cargo
VERSION    := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
ARCH       := $(shell uname -m)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
DIST        = pmon3-$(VERSION)-linux-$(ARCH)

.PHONY: help build static install systemd_install systemd_uninstall systemd_permissions uninstall dist deb test clean

help:
	@sed -n 's/^## //p' Makefile

## build                bin/pmon3 and bin/pmond
build:
	$(CARGO) build --release --locked -p pmon3
	@mkdir -p bin && cp $(TARGET_DIR)/release/pmon3 $(TARGET_DIR)/release/pmond bin/

## static               the same, without any shared library
static:
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release --locked -p pmon3 --target $(ARCH)-unknown-linux-gnu
	@mkdir -p bin && cp $(TARGET_DIR)/$(ARCH)-unknown-linux-gnu/release/pmon3 $(TARGET_DIR)/$(ARCH)-unknown-linux-gnu/release/pmond bin/

## install              programs, configuration, directories, log rotation, completions, manual pages
install:
	@test -x bin/pmon3 || { echo "run \`make build\` first" >&2; exit 1; }
	# A running program's file cannot be written to, but it can be replaced.
	install -d $(BINDIR) $(CONFDIR)/config $(LOGDIR) $(DESTDIR)$(SYSCONFDIR)/logrotate.d
	install -d -m 0700 $(CONFDIR)/data
	install -m 0755 bin/pmon3 $(BINDIR)/.pmon3.new && mv -f $(BINDIR)/.pmon3.new $(BINDIR)/pmon3
	install -m 0755 bin/pmond $(BINDIR)/.pmond.new && mv -f $(BINDIR)/.pmond.new $(BINDIR)/pmond
	# What an administrator has written is never overwritten.
	test -e $(CONFDIR)/config/config.yml || install -m 0644 dist/config.yml $(CONFDIR)/config/config.yml
	test -e $(DESTDIR)$(SYSCONFDIR)/logrotate.d/pmond || install -m 0644 dist/pmond.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/pmond
	dist/generate bin/pmon3 $(SHAREDIR)

## systemd_install      install, and enable and start the service
systemd_install: install systemd_permissions
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|/usr/local/bin|$(PREFIX)/bin|' dist/pmond.service > $(DESTDIR)$(UNITDIR)/pmond.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/pmond.service
	dist/systemd enable "$(DESTDIR)"

## systemd_permissions  what root's daemon asks of its files: nobody else may write them
systemd_permissions:
	chmod go-w $(CONFDIR) $(CONFDIR)/config
	find $(CONFDIR)/config -type f -exec chmod go-w {} +
	chmod 0700 $(CONFDIR)/data
	chmod 0755 $(LOGDIR)

## systemd_uninstall    stop and disable the service, and uninstall; configuration, data and logs stay
systemd_uninstall:
	dist/systemd disable "$(DESTDIR)"
	rm -f $(DESTDIR)$(UNITDIR)/pmond.service
	$(MAKE) uninstall

## uninstall            programs, completions, manual pages, log rotation
uninstall:
	rm -f $(BINDIR)/pmon3 $(BINDIR)/pmond $(DESTDIR)$(SYSCONFDIR)/logrotate.d/pmond
	rm -f $(SHAREDIR)/bash-completion/completions/pmon3 $(SHAREDIR)/zsh/site-functions/_pmon3
	rm -f $(SHAREDIR)/fish/vendor_completions.d/pmon3.fish $(SHAREDIR)/man/man1/pmon3*.1

## dist                 dist/out/pmon3-VERSION-linux-ARCH.tar.gz, for dist/release-installer.bash
dist:
	@test -x bin/pmon3 || { echo "run \`make build\` or \`make static\` first" >&2; exit 1; }
	rm -rf dist/out/$(DIST) && mkdir -p dist/out/$(DIST)
	cp -R --parents bin/pmon3 bin/pmond dist/config.yml dist/pmond.service dist/pmond.logrotate dist/generate dist/systemd \
	  Makefile Cargo.toml README.md CHANGELOG.md LICENSE dist/out/$(DIST)
	# The same input gives the same archive.
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C dist/out -cf - $(DIST) | gzip -9n > dist/out/$(DIST).tar.gz
	rm -rf dist/out/$(DIST)
	cd dist/out && sha256sum $(DIST).tar.gz > $(DIST).tar.gz.sha256

## deb                  dist/out/pmon3_*.deb, the Debian package (needs cargo-deb)
deb: build
	dist/generate bin/pmon3 dist/out/share
	sed 's|/usr/local/bin|/usr/bin|' dist/pmond.service > dist/out/pmond.service
	$(CARGO) deb --locked --no-build -p pmon3 --output dist/out/

## test                 all tests
test:
	$(CARGO) test --workspace --locked

## clean                what this file made
clean:
	rm -rf bin dist/out
