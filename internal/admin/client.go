package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/plan"
)

// ErrNobody says that no process answers at an address.
var ErrNobody = errors.New("no naru run answers")

// ErrRefused is the answer of a process that cannot do what is asked; the text is the process's own.
var ErrRefused = errors.New("refused")

// Client asks a running process.
type Client struct {
	http    *http.Client
	address string
	base    string
}

// NewClient returns a Client for "host:port" or the path of a Unix socket.
func NewClient(address string) *Client {
	c := &Client{http: &http.Client{}, address: address, base: "http://" + address}
	if isSocket(address) {
		c.base = "http://localhost"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", address)
		}}
	}
	return c
}

// Explain returns the explanation of a Service.
func (c *Client) Explain(ctx context.Context, name plan.ServiceName, o explain.Options) (explain.Document, error) {
	query := url.Values{}
	if o.From.IsValid() {
		query.Set("from", o.From.String())
	}
	for field, value := range o.If {
		query.Add("if", field+"="+value)
	}
	var d explain.Document
	path := "/v1/services/" + url.PathEscape(name.Namespace) + "/" + url.PathEscape(name.Name) + "?" + query.Encode()
	return d, c.call(ctx, http.MethodGet, path, &d)
}

// Status returns the state of everything.
func (c *Client) Status(ctx context.Context) (explain.StatusDocument, error) {
	var d explain.StatusDocument
	return d, c.call(ctx, http.MethodGet, "/v1/status", &d)
}

// Frontends returns what is listened on.
func (c *Client) Frontends(ctx context.Context) (explain.FrontendTable, error) {
	var d explain.FrontendTable
	return d, c.call(ctx, http.MethodGet, "/v1/frontends", &d)
}

// Kill stops a pod of the demo, Revive starts it again.
func (c *Client) Kill(ctx context.Context, pod string) error {
	return c.call(ctx, http.MethodPost, "/v1/pods/"+url.PathEscape(pod)+"/kill", &struct{}{})
}

// Revive starts a pod of the demo that was stopped.
func (c *Client) Revive(ctx context.Context, pod string) error {
	return c.call(ctx, http.MethodPost, "/v1/pods/"+url.PathEscape(pod)+"/revive", &struct{}{})
}

func (c *Client) call(ctx context.Context, method, path string, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.address, err)
	}
	req.Header.Set(changeHeader, "yes")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w at %s (%v)", ErrNobody, c.address, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(c.address, resp.Status, data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s gives an answer that is not Naru's: %w", c.address, err)
	}
	return nil
}

func refusal(address, status string, data []byte) error {
	var f failure
	if err := json.Unmarshal(data, &f); err != nil || f.Error == "" {
		return fmt.Errorf("%s gives an answer that is not Naru's: %s", address, status)
	}
	return &refusedError{f.Error}
}

// refusedError is a refusal in the words of the process.
type refusedError struct{ text string }

func (e *refusedError) Error() string        { return e.text }
func (e *refusedError) Is(target error) bool { return target == ErrRefused }
