package control

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	FolderUnset        fault.Code = "folder_unset"
	FolderNotDirectory fault.Code = "folder_not_directory"
	FolderNotMade      fault.Code = "folder_not_made"
	FolderNotReadable  fault.Code = "folder_not_readable"
	FolderNotOurs      fault.Code = "folder_not_ours"
	FolderOtherDomain  fault.Code = "folder_other_domain"
	FolderNewer        fault.Code = "folder_newer"
	FolderNotWritable  fault.Code = "folder_not_writable"
	MarkerDamaged      fault.Code = "marker_damaged"
	AlreadyRunning     fault.Code = "already_running"

	WALMissing      fault.Code = "wal_missing"
	WALDamaged      fault.Code = "wal_damaged"
	DBMissing       fault.Code = "db_missing"
	DBHeaderDamaged fault.Code = "db_header_damaged"
	DBPageDamaged   fault.Code = "db_page_damaged"
	DBOutdated      fault.Code = "db_outdated"
	ValueDamaged    fault.Code = "value_damaged"

	StoreFailed fault.Code = "store_failed"
	StoreClosed fault.Code = "store_closed"
	StoreFull   fault.Code = "store_full"
	Interrupted fault.Code = "control_interrupted"

	EtcdSilent   fault.Code = "etcd_silent"
	EtcdNoLeader fault.Code = "etcd_no_leader"
	EtcdDenied   fault.Code = "etcd_denied"
	EtcdFull     fault.Code = "etcd_full"
	EtcdHeld     fault.Code = "etcd_held"
	EtcdInUse    fault.Code = "etcd_in_use"
	EtcdOther    fault.Code = "etcd_other"
	EtcdUnused   fault.Code = "etcd_unused"

	ChangeInvalid      fault.Code = "change_invalid"
	ChangeTooLarge     fault.Code = "change_too_large"
	CertificateInvalid fault.Code = "certificate_invalid"
	CertificatesFull   fault.Code = "certificates_full"

	TokenUnknown   fault.Code = "token_unknown"
	TokenExpired   fault.Code = "token_expired"
	TokenUsed      fault.Code = "token_used"
	TokenVoid      fault.Code = "token_void"
	TokenCancelled fault.Code = "token_cancelled"
	TokenAmbiguous fault.Code = "token_ambiguous"

	// These two are the authority's answers too: their rows stand in the table
	// of internal/agent/api.
	IdentityUnknown fault.Code = "identity_unknown"
	IdentityRevoked fault.Code = "identity_revoked"
)

// Next steps that several codes share.
const (
	restoreOrFresh = "restore the data folder from a backup; a demonstration can start over: signet up --fresh"
	restoreHint    = "restore the data folder from a backup: signet authority restore FILE --data DIR, in an empty folder"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: FolderUnset, Meaning: "No data folder was named.",
			Cause: "An empty path in the configuration.",
			Next:  "Name the folder that holds this trust domain's data."},
		{Code: FolderNotDirectory, Meaning: "What is named as the data folder is something else.",
			Cause: "A path that names a file, or leads through one.",
			Next:  "Name a folder that exists or can be made."},
		{Code: FolderNotMade, Meaning: "The data folder does not exist and cannot be made.",
			Cause: "This user may not write where it would be, or that file system is read-only or full.",
			Next:  "Name another folder with --data, where this user may write."},
		{Code: FolderNotReadable, Meaning: "The data folder, or a file in it, may not be read.",
			Cause: "It belongs to another user, or its permissions were changed.",
			Next:  "Run Signet as the folder's owner."},
		{Code: FolderNotOurs, Meaning: "The folder holds files, but not Signet's.",
			Cause: "A path to the wrong folder.",
			Next:  "Name an empty folder, a new one, or one that Signet made."},
		{Code: FolderOtherDomain, Meaning: "The folder holds the data of another trust domain.",
			Cause: "The folder or the trust domain was mistyped.",
			Next:  "Name that trust domain's own folder."},
		{Code: FolderNewer, Meaning: "The folder was written by a newer Signet.",
			Cause: "The program was taken back to an older version.",
			Next:  "Run the newer version."},
		{Code: FolderNotWritable, Meaning: "Nothing can be written to the data folder.",
			Cause: "Its owner is another user, the disk is full, or it is mounted read-only.",
			Next:  "Run Signet as the folder's owner, or give it to this user."},
		{Code: MarkerDamaged, Meaning: "The folder's own description, signet.json, cannot be read.",
			Cause: "It was edited, or the disk lost a part of it.",
			Next:  "Restore the data folder from a backup, or move it away."},
		{Code: AlreadyRunning, Meaning: "Another process has this data folder open.",
			Cause: "Signet is running already.",
			Next:  "Stop that process, or talk to it: signet conns."},
		{Code: WALMissing, Meaning: "The write-ahead log is gone, though the folder was in use.",
			Cause: "Files were deleted, or a backup was incomplete.",
			Next:  restoreOrFresh},
		{Code: WALDamaged, Meaning: "The write-ahead log has bytes that nobody wrote there.",
			Cause: "A failing disk, or a file changed from outside. Going on could lose a confirmed change.",
			Next:  restoreOrFresh},
		{Code: DBMissing, Meaning: "The database file is gone, though the folder was in use.",
			Cause: "Files were deleted, or a backup was incomplete.",
			Next:  restoreOrFresh},
		{Code: DBHeaderDamaged, Meaning: "Neither header of the database file can be read.",
			Cause: "A failing disk, or a file changed from outside.",
			Next:  restoreOrFresh},
		{Code: DBPageDamaged, Meaning: "A page of the database file has bytes that nobody wrote there.",
			Cause: "A failing disk, a file cut short, or one changed from outside.",
			Next:  restoreOrFresh},
		{Code: DBOutdated, Meaning: "The database file is older than the write-ahead log next to it.",
			Cause: "Files of two backups were mixed.",
			Next:  restoreOrFresh},
		{Code: ValueDamaged, Meaning: "A stored value cannot be understood.",
			Cause: "It was written by other means than Signet.",
			Next:  restoreOrFresh},
		{Code: StoreFailed, Meaning: "The store inside Signet stopped working.",
			Cause: "The disk refused a write, or is damaged.",
			Next:  "Look at the disk, then start Signet again: what was confirmed is kept."},
		{Code: StoreClosed, Meaning: "The store is closed.",
			Cause: "Signet is stopping.",
			Next:  "Start Signet again, then repeat the command."},
		{Code: StoreFull, Meaning: "The store has reached its size limit.",
			Cause: "More rules, identities and certificates than one authority holds.",
			Next:  "Delete rules that are no longer needed, and issue certificates less often."},
		{Code: Interrupted, Meaning: "Signet stopped waiting for its store; whether a change was made is not known.",
			Cause: "A deadline passed, the command was stopped, or the disk is very slow.",
			Next:  "Look whether it is in force (signet why FROM TO), then repeat it if not."},
		{Code: EtcdSilent, Meaning: "The etcd cluster that holds the authority's truth does not answer.",
			Cause: "Its members are stopped, overloaded or cut off, or one end refuses the other's certificate: the message says which.",
			Next:  "Look at the cluster: etcdctl endpoint health --cluster. The authority goes on by itself once it answers; proxies go on meanwhile."},
		{Code: EtcdNoLeader, Meaning: "The etcd cluster answers, but agrees on nothing.",
			Cause: "Most of its members are gone or cut off from each other, or their disks are too slow.",
			Next:  "Start the members that are missing: etcdctl endpoint status --cluster. The authority goes on by itself then."},
		{Code: EtcdDenied, Meaning: "The etcd cluster does not let the authority at its keys.",
			Cause: "etcd's access control is on, and the user that the certificate's common name stands for lacks a role.",
			Next:  "Grant it all under /signet/TRUST-DOMAIN/: etcdctl role grant-permission ROLE --prefix=true readwrite /signet/TRUST-DOMAIN/"},
		{Code: EtcdFull, Meaning: "The etcd cluster takes no more.",
			Cause: "Its database has reached its quota; others may have filled it.",
			Next:  "Compact and defragment it, then etcdctl alarm disarm; or give it a larger --quota-backend-bytes."},
		{Code: EtcdHeld, Meaning: "Another authority serves this trust domain from the same etcd cluster.",
			Cause: "It was started twice, on one host or on two. One at a time may.",
			Next:  "Stop the one that the message names, then start this one again. One that was killed is out of the way after ten seconds."},
		{Code: EtcdInUse, Meaning: "The etcd cluster holds an authority of this trust domain already.",
			Cause: "It was made before, from another data folder.",
			Next:  "Serve from that folder, or name another cluster."},
		{Code: EtcdOther, Meaning: "What the etcd cluster holds is not what belongs to this data folder.",
			Cause: "The address is another cluster's, the cluster has lost its data, or the authority in it was made from another folder.",
			Next:  "Name the right cluster with --etcd, or the right folder with --data."},
		{Code: EtcdUnused, Meaning: "The data folder's truth is not where it was said to be: in the folder itself, or in an etcd cluster.",
			Cause: "--etcd for an authority that was made without it, or a command for one that was made with it.",
			Next:  "Leave out --etcd; to move an authority, back it up and restore it elsewhere."},
		{Code: ChangeInvalid, Meaning: "A change names something incomplete.",
			Cause: "A missing name, text or identity, or an identity of another trust domain.",
			Next:  "Complete what the message names."},
		{Code: ChangeTooLarge, Meaning: "One change is larger than the store takes.",
			Cause: "More than 4,000 values, or 4 MiB, in one change.",
			Next:  "Split it into smaller changes."},
		{Code: CertificatesFull, Meaning: "A proxy holds as many valid certificates as it may.",
			Cause: "It asks for new ones without end: it is started again and again, or misused.",
			Next:  "Look at the proxy's log. There is room again as its certificates expire, within a day; a proxy that is misused: signet revoke it."},
		{Code: TokenUnknown, Meaning: "The authority does not know the token.",
			Cause: "It expired more than an hour ago, was changed on its way, or is another authority's.",
			Next:  "Make another one: signet token new WHO; add --again if the identity is there already."},
		{Code: TokenExpired, Meaning: "The token expired before it was used, or the certificate that it was used for has.",
			Cause: "A token is good for ten minutes at most.",
			Next:  "Make another one: signet token new WHO --again"},
		{Code: TokenUsed, Meaning: "The token was used already, for another key.",
			Cause: "It was tried twice, or somebody else had it: whoever came first has joined.",
			Next:  "Make another one: signet token new WHO --again. Where it was not you who came first: signet revoke WHO"},
		{Code: TokenVoid, Meaning: "The token counts no longer, because who made it, or who was to join by it, was revoked or replaced since.",
			Cause: "An operator was revoked whose tokens were still open, or the name of the token was.",
			Next:  "Have an operator make another one: signet token new WHO --again."},
		{Code: TokenCancelled, Meaning: "The token was taken back before it was used.",
			Cause: "An operator cancelled it: signet token cancel.",
			Next:  "Have an operator make another one: signet token new WHO."},
		{Code: TokenAmbiguous, Meaning: "What was written fits several tokens.",
			Cause: "The ID of a token was cut too short.",
			Next:  "Write more of it: signet token list shows it."},
		{Code: CertificateInvalid, Meaning: "A certificate cannot be recorded as described.",
			Cause: "A serial number that is not lower-case hexadecimal, or a certificate that is expired already.",
			Next:  "Set this host's clock, then ask for a new certificate."},
	}
}
