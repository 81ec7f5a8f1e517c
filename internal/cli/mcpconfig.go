package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/gateway/door"
)

// host is a program that talks to gateways for its user.
type host struct {
	name  string
	where string // the file that the snippet goes into
	key   string // in that file
	types bool   // it wants to be told the transport
	http  bool   // it speaks HTTP, as well as to programs that it starts
}

var hosts = []host{
	{"claude-code", ".mcp.json in the project's folder", "mcpServers", true, true},
	{"claude-desktop", "claude_desktop_config.json (Settings, Developer, Edit Config)", "mcpServers", false, false},
	{"cursor", "~/.cursor/mcp.json, or .cursor/mcp.json in the project's folder", "mcpServers", false, true},
	{"vscode", ".vscode/mcp.json in the project's folder", "servers", true, true},
}

// server is how a host starts or reaches a gateway.
type server struct {
	Type    string            `json:"type,omitempty"`
	URL     string            `json:"url,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Command string            `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
}

func (a *app) mcpConfigCommand() *cobra.Command {
	var client, url, token string
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	cmd := &cobra.Command{
		Use:   "mcp-config --client NAME",
		Short: "print what registers this installation with an MCP host",
		Long: `Prints the JSON that a host's configuration needs to have this installation as
a server: started by the host (ligase serve --stdio, set up as this command is:
--data, --catalog, --engine, --config), or with --url reached at that address.

Hosts: ` + strings.Join(names, ", ") + `.`,
		Example: `  ligase mcp-config --client claude-desktop
  ligase mcp-config --client vscode --url https://ligase.lab/mcp --token-env LIGASE_TOKEN`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			i := slices.IndexFunc(hosts, func(h host) bool { return h.name == client })
			if i < 0 {
				return usagef("--client %q: there are %s.", client, strings.Join(names, ", "))
			}
			s, err := a.serverFor(hosts[i], url, token)
			if err != nil {
				return err
			}
			a.printJSON(map[string]any{hosts[i].key: map[string]any{"ligase": s}})
			fmt.Fprintf(a.Err, "Put this into %s.\n", hosts[i].where)
			return nil
		},
	}
	cmd.Flags().StringVar(&client, "client", "", "the host: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&url, "url", "", "of a gateway that serves HTTP, like http://"+config.DefaultListen+door.Path)
	cmd.Flags().StringVar(&token, "token-env", "", "with --url: the environment variable that has the token")
	_ = cmd.RegisterFlagCompletionFunc("client", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) serverFor(h host, url, tokenEnv string) (*server, error) {
	if url == "" {
		if tokenEnv != "" {
			return nil, usagef("--token-env is for a gateway at an address: give --url, too.")
		}
		return a.startedServer(h)
	}
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, usagef("--url %s: give http:// or https://, a host, and %s.", url, door.Path)
	}
	if !h.http {
		// It starts programs only; this one speaks for the address.
		s := &server{Command: "npx", Args: []string{"-y", "mcp-remote", url}}
		if strings.HasPrefix(url, "http://") {
			s.Args = append(s.Args, "--allow-http")
		}
		if tokenEnv != "" {
			s.Args = append(s.Args, "--header", "Authorization:Bearer ${"+tokenEnv+"}")
			s.Env = map[string]string{tokenEnv: "<the token>"} // this host passes none of its own on
		}
		return s, nil
	}
	s := &server{URL: url}
	if h.types {
		s.Type = "http"
	}
	if tokenEnv != "" {
		reference := "${" + tokenEnv + "}"
		if h.name != "claude-code" {
			reference = "${env:" + tokenEnv + "}"
		}
		s.Headers = map[string]string{"Authorization": "Bearer " + reference}
	}
	return s, nil
}

// startedServer is this very program, set up as this command is: hosts start
// it in a folder and an environment of their own.
func (a *app) startedServer(h host) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program's own path: %w", err)
	}
	c, err := a.settings()
	if err != nil {
		return nil, err
	}
	flags, err := a.sameSetUp()
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--stdio"}, flags...)
	for _, u := range c.AllowRoots {
		args = append(args, "--allow-root", u.String())
	}
	if a.clusterFlag {
		args = append(args, "--cluster")
	}
	s := &server{Command: self, Args: args}
	for _, name := range []string{config.EnvRoot, config.EnvNamespace, config.EnvExpose, config.EnvTools, config.EnvReadOnly, config.EnvAuditLog} {
		if value := a.Env(name); value != "" {
			if s.Env == nil {
				s.Env = map[string]string{}
			}
			s.Env[name] = value
		}
	}
	if h.types {
		s.Type = "stdio"
	}
	return s, nil
}
