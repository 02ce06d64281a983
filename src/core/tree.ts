/**
 * The paths of the kernel's own files in an agent's tree, in one place.
 *
 * ```
 * state/<key>                     a top-level key of the state, JSON
 * meta/version                    version of the state's shape
 * meta/failures                   dead-lettered triggers in a row
 * alarms/<id>                     an alarm, JSON
 * timers/<time>/<kind>/<id>       what is due when: sorts by time
 * parked/<trigger>                a tick that waits, JSON
 * waits/<request>                 the trigger whose tick waits for the answer to a request
 * journal/<trigger>/<step>        a finished step, JSON
 * crashes/<trigger>               how many processes died while they worked on it
 * memory/peers/<npub>             a peer that the agent knows, JSON
 * memory/strangers                how many of them it knows only because mail of theirs came
 * memory/files/<name>/…           what the agent keeps, each part of the path encoded
 * memory/files/…/%                says that there is a directory here: no name is empty
 * memory/kv/<key>                 a small file that the agent keeps
 * memory/conversations/<id>/<n>   a message, JSON; n has ten digits
 * memory/conversations/<id>/summary  the summary of a conversation's older messages, JSON
 * memory/talks/<id>               what there is of a conversation, JSON
 * memory/patterns/<id>            something learned, JSON
 * memory/read/<id>                a file elsewhere that the agent has read, JSON
 * goals/<id>                      a goal, JSON
 * meta/goals                      how many there are; meta/talks, meta/patterns, meta/read, meta/kv: the same
