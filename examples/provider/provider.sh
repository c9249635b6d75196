#!/bin/sh
# A provider of instances for `barge serve --provider command=…/provider.sh`, to
# start from: its "instances" are files in a directory, which a real one would
# replace by calls of a cloud or of what manages a rack of machines.
#
# It reads one JSON object, does what its "action" says, and prints another.
# Everything is keyed by the instance's name, so that a question that is asked
# twice, after a crash of either side, is answered twice and done once.
set -eu
dir=${BARGE_EXAMPLE_DIR:-${TMPDIR:-/tmp}/barge-example-instances}
mkdir -p "$dir"

question=$(cat)
of() { printf '%s' "$question" | jq -r "$1"; }
name=$(of '.name // ""')

case $(of .action) in
launch)
	case $(of .instanceType) in
	p5*) # there is none of these in this rack
		printf '{"refused":"CAPACITY","message":"No %s is free."}\n' "$(of .instanceType)"
		exit
		;;
	esac
	if [ ! -e "$dir/$name" ]; then
		# Here: make the machine, marked with "name" and "owner". A real one
		# answers PENDING, and lists it as RUNNING once it is up.
		printf '%s' "$question" | jq '{name, owner, instanceType, state: "RUNNING"}' >"$dir/.$name"
		mv "$dir/.$name" "$dir/$name"
	fi
	cat "$dir/$name"
	;;
list)
	# All that there are, also those that still come; the owner tells whose.
	# An instance that is about to be taken away has "interruptedAt".
	set -- "$dir"/i-*
	[ -e "$1" ] || set --
	[ $# -gt 0 ] && jq -s '{instances: .}' "$@" || echo '{"instances": []}'
	;;
terminate)
	rm -f "$dir/$name"
	echo '{}'
	;;
*)
	echo "unknown action" >&2
	exit 1
	;;
esac
