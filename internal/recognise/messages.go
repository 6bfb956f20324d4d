package recognise

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// message reads what authorities and their clients send each other, and says in
// words what it is.
func (o *Object) message(der []byte) error {
	switch o.Kind {
	case Request:
		requests, err := pki.ParseRequests(der)
		if err != nil {
			return err
		}
		o.Request, o.Title = requests[0], requestTitle(requests[0])
	case CRL:
		lists, err := pki.ParseRevocationLists(der)
		if err != nil {
			return err
		}
		o.List, o.Title = lists[0], listTitle(lists[0])
	case OCSPRequest:
		request, err := pki.ParseOCSPRequest(der)
		if err != nil {
			return err
		}
		o.OCSPRequest, o.Title = request, "an OCSP request about "+plural(len(request.IDs()), "certificate", "certificates")
	case OCSPResponse:
		response, err := pki.ParseOCSPResponse(der)
		if err != nil {
			return err
		}
		o.OCSPResponse, o.Title = response, "an OCSP response about "+plural(len(response.Responses()), "certificate", "certificates")
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// maxRequestCost bounds the check of one request's signature, of which a file may
// have a thousand, in units of signatureBudget: that of an RSA key of 4,096 bits.
const maxRequestCost = 17

// requestTitle says for whom a request asks, and whether its sender has the key.
func requestTitle(request *pki.Request) string {
	title := "a certificate request"
	names, _ := request.SubjectAltNames()
	var texts []string
	for _, name := range names[:min(len(names), 3)] {
		texts = append(texts, name.Value())
	}
	if wanted := cmp.Or(strings.Join(texts, ", "), request.Subject().String()); wanted != "" {
		title += " for " + fault.Printable(wanted, 200)
	}
	title += ", with " + request.PublicKey().Title()
	if cost(request.PublicKey()) > maxRequestCost {
		title += ", whose signature was not checked: its key is too large"
	} else if err := request.CheckSignature(); err != nil {
		title += ", whose signature is not its key's"
	}
	return title
}

func listTitle(list *pki.RevocationList) string {
	title := fmt.Sprintf("a revocation list of %s with %s, of %s", fault.Printable(list.Issuer().String(), 200), plural(list.Len(), "entry", "entries"), list.ThisUpdate().UTC().Format(time.DateOnly))
	if next := list.NextUpdate(); !next.IsZero() {
		title += ", the next one due on " + next.UTC().Format(time.DateOnly)
	}
	return title
}
