package cli

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Usage              fault.Code = "usage"
	Internal           fault.Code = "internal"
	Panicked           fault.Code = "internal_panic"
	Interrupted        fault.Code = "interrupted"
	InputFailed        fault.Code = "input_failed"
	OutputFailed       fault.Code = "output_failed"
	Unsent             fault.Code = "unsent"
	TargetUnknown      fault.Code = "target_unknown"
	FileUnreadable     fault.Code = "file_unreadable"
	FileMissing        fault.Code = "file_missing"
	FileExists         fault.Code = "file_exists"
	FileUnwritable     fault.Code = "file_unwritable"
	OutputIsInput      fault.Code = "output_is_input"
	NothingToConvert   fault.Code = "nothing_to_convert"
	TooMany            fault.Code = "too_many_objects"
	NamesUndecided     fault.Code = "names_undecided"
	ListForeign        fault.Code = "list_foreign"
	RevocationInvalid  fault.Code = "revocation_invalid"
	RevokedBefore      fault.Code = "revoked_before"
	SecretExposed      fault.Code = "secret_exposed"
	PassphraseMissing  fault.Code = "passphrase_missing"
	PassphraseDiffers  fault.Code = "passphrase_differs"
	CodeUnknown        fault.Code = "code_unknown"
	DataUnreadable     fault.Code = "data_unreadable"
	DataAmbiguous      fault.Code = "data_ambiguous"
	NotRunning         fault.Code = "not_running"
	CredentialUnknown  fault.Code = "identity_not_here"
	AuthorityBrokeOff  fault.Code = "authority_broke_off"
	AccessRefused      fault.Code = "access_refused"
	AuthorityGarbled   fault.Code = "authority_garbled"
	WouldRemoveOneself fault.Code = "own_access"
	SettingsUnreadable fault.Code = "settings_unreadable"
	FolderUnwritable   fault.Code = "data_unwritable"
	AuthorityExists    fault.Code = "authority_exists"
	HostTaken          fault.Code = "host_folder_taken"
	BackupUnreadable   fault.Code = "backup_unreadable"
	BackupDamaged      fault.Code = "backup_damaged"
	RestoreElsewhere   fault.Code = "restore_not_empty"
	CaseInvalid        fault.Code = "policy_case_invalid"
	CaseDiffers        fault.Code = "policy_case_differs"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Usage, Meaning: "The command line is not one that Signet knows.",
			Cause: "A mistyped command or flag, or an argument too many or too few.",
			Next:  "signet COMMAND --help shows the command's arguments, and an example."},
		{Code: Internal, Meaning: "Something failed that Signet has no better words for; the message is the system's.",
			Cause: "A failure of this machine, or a case that Signet should explain and does not.",
			Next:  "If the message does not help, report it as a defect."},
		{Code: Panicked, Meaning: "Signet itself is at fault.",
			Cause: "A defect of Signet.",
			Next:  "Report it with the message, the command, and the output of signet version."},
		{Code: Interrupted, Meaning: "The command was stopped before it was done.",
			Cause: "Ctrl-C, or a signal from another program.",
			Next:  "Run it again."},
		{Code: InputFailed, Meaning: "Standard input could not be read to its end, so the connection was cut: the peer must not take a part for the whole.",
			Cause: "The input is a folder, a closed descriptor, or a failing disk.",
			Next:  "Correct the input and run it again."},
		{Code: OutputFailed, Meaning: "The answer could not be written.",
			Cause: "The disk is full, or the program that reads the output is gone.",
			Next:  "Make room, or write elsewhere, and run it again."},
		{Code: Unsent, Meaning: "The peer ended the session before it had taken everything.",
			Cause: "The peer had an answer early, or closes without reading.",
			Next:  "Look into the peer's log; send less, or again."},
		{Code: TargetUnknown, Meaning: "The target is neither HOST:PORT nor a file.",
			Cause: "The port is missing, or the file's name is mistyped.",
			Next:  "Write, for example, api.example.com:443, or a path that exists."},
		{Code: FileUnreadable, Meaning: "A file could not be read.",
			Cause: "It is a folder, belongs to another user, or its disk fails.",
			Next:  "Name a file that this user may read."},
		{Code: FileMissing, Meaning: "There is no file of this name.",
			Cause: "A mistyped name, or another folder than the one it is in.",
			Next:  "Write a path that exists."},
		{Code: FileExists, Meaning: "The file that was to be written is there already; it was left as it is.",
			Cause: "The command ran before, or the name is another file's.",
			Next:  "Choose another name, or add --force to overwrite it."},
		{Code: FileUnwritable, Meaning: "A file could not be written; what it held before, it still holds.",
			Cause: "Missing permissions, a full disk, or a name that is a folder's.",
			Next:  "Name a file in a folder that this user may write to."},
		{Code: OutputIsInput, Meaning: "The file to write is one that the command reads, such as the key or the authority that signs; it was left as it is.",
			Cause: "The same name was given twice, or two names lead to the same file.",
			Next:  "Name another file to write; --force does not overwrite this one."},
		{Code: NothingToConvert, Meaning: "The file holds no certificate, private key, request or revocation list.",
			Cause: "Another file was named, such as an OCSP response or a public key.",
			Next:  "signet inspect says what the file holds."},
		{Code: TooMany, Meaning: "The file holds more objects than the wanted form can.",
			Cause: "A chain in DER, or several private keys in one PKCS#12 file.",
			Next:  "Choose a form that holds several, such as PEM."},
		{Code: NamesUndecided, Meaning: "Nobody has said which names a certificate request is to get; nothing was signed.",
			Cause: "Who sends a request writes into it what they like, so that its names are copied only where the signer says so.",
			Next:  "Repeat it with --names-of-request if all of the names are the sender's, or with --name for each that is."},
		{Code: ListForeign, Meaning: "A certificate or an earlier list is not of the authority that signs the revocation list.",
			Cause: "Another authority's file was named, or one of an authority of the same name with another key.",
			Next:  "signet inspect FILE says who signed it; that authority revokes it."},
		{Code: RevocationInvalid, Meaning: "What is to be revoked is neither a file nor a serial number, or the reason does not exist.",
			Cause: "A mistyped name, a serial number that is not in hexadecimal, or a reason that RFC 5280 does not have.",
			Next:  "Name the certificate's file, or its serial number as signet inspect shows it, and a reason such as keyCompromise."},
		{Code: RevokedBefore, Meaning: "The certificate is revoked twice.",
			Cause: "It is on the list already that --from names, or it was named twice.",
			Next:  "Leave it out: entries of the earlier list are kept."},
		{Code: SecretExposed, Meaning: "A file with a passphrase or a key may be read or written by others than its owner.",
			Cause: "It was written with a umask of 022, or copied without its permissions.",
			Next:  "chmod 600 FILE. If somebody else may have read it: replace the passphrase or the key. A pipe or a descriptor is fine: --passphrase-fd 3 3< FILE."},
		{Code: PassphraseMissing, Meaning: "A passphrase is needed, and none was given.",
			Cause: "The command runs without a terminal to ask at, or the line that was read is empty.",
			Next:  "Add --passphrase-file FILE or --passphrase-fd N, or run the command at a terminal."},
		{Code: PassphraseDiffers, Meaning: "The new passphrase was typed twice, and not the same.",
			Cause: "A typing error.",
			Next:  "Run the command again."},
		{Code: CodeUnknown, Meaning: "The argument is neither a code nor the ID of a connection.",
			Cause: "A typing error.",
			Next:  "Codes stand in brackets at the end of an error; signet conns lists connections."},
		{Code: DataUnreadable, Meaning: "Signet's own data could not be read.",
			Cause: "The folder is not Signet's, belongs to another user, or was damaged.",
			Next:  "Name the trust domain's folder with --data, or run as its owner."},
		{Code: DataAmbiguous, Meaning: "Several trust domains are known on this host, and it was not said which is meant.",
			Cause: "More than one was started here.",
			Next:  "Name the trust domain's folder with --data."},
		{Code: NotRunning, Meaning: "Signet does not run on this host.",
			Cause: "It was never started, or was stopped.",
			Next:  "signet up"},
		{Code: CredentialUnknown, Meaning: "The identity is neither known on this host nor a file.",
			Cause: "A mistyped name, or an identity that is kept on another host.",
			Next:  "Use one of the names that the message lists, or name a PEM file."},
		{Code: AuthorityBrokeOff, Meaning: "The authority was there, and broke the request off.",
			Cause: "It was stopped at that moment.",
			Next:  "Try again; if it stays, stop signet up and start it again."},
		{Code: AccessRefused, Meaning: "The authority refuses the operator's identity that was used.",
			Cause: "It was revoked, its certificate expired, or the trust domain was started over.",
			Next:  "Ask another operator; who has another identity names it with --as."},
		{Code: AuthorityGarbled, Meaning: "The authority's answer could not be understood.",
			Cause: "It is of another version.",
			Next:  "Use the signet command of the authority's version."},
		{Code: SettingsUnreadable, Meaning: "The file with the ports of the last time could not be read.",
			Cause: "It was damaged, or belongs to another user.",
			Next:  "signet up --port 7400 writes it anew."},
		{Code: FolderUnwritable, Meaning: "Signet could not write into its data folder.",
			Cause: "Missing permissions, or a full disk.",
			Next:  "Make the folder writable for this user, or free some space."},
		{Code: BackupUnreadable, Meaning: "The file is no backup of an authority.",
			Cause: "Another file was named, or it was cut off at its beginning.",
			Next:  "Name a file that signet authority backup has written."},
		{Code: BackupDamaged, Meaning: "A backup is not what was written; nothing was restored.",
			Cause: "A bad disk, or a copy that was broken off: the digest at its beginning does not match.",
			Next:  "Use another copy, or an earlier backup."},
		{Code: RestoreElsewhere, Meaning: "An authority is restored into an empty folder alone.",
			Cause: "The folder holds an authority, or something else, or what a restore has left that was killed.",
			Next:  "Name another folder with --data, or move away what is in this one."},
		{Code: CaseInvalid, Meaning: "The file of cases for the policy could not be understood.",
			Cause: "A line that is not FROM TO allowed or FROM TO denied, more than 10,000 cases, or none.",
			Next:  "Write one case a line: web orders allowed."},
		{Code: CaseDiffers, Meaning: "The policy decides otherwise than a case says.",
			Cause: "A rule is missing or too wide, or the case is out of date.",
			Next:  "signet why FROM TO names the rule that decides, or the one that came near."},
		{Code: AuthorityExists, Meaning: "The folder holds an authority already; it was left as it is.",
			Cause: "The command ran before, or the folder is another's.",
			Next:  "signet authority serve runs it; name another folder with --data for another one."},
		{Code: HostTaken, Meaning: "The folder is not for this host to join in; it was left as it is.",
			Cause: "It is an authority's, another host's, or holds files of somebody else.",
			Next:  "Name another folder with --data. The token is still good for this one."},
		{Code: WouldRemoveOneself, Meaning: "The act would remove the operator's own access, and it was not confirmed.",
			Cause: "The operator named their own identity.",
			Next:  "Repeat it with --yes if it is meant."},
	}
}
