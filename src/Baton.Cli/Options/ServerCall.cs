using System.CommandLine;
using Baton.Cli.Output;
using Temporalio.Client;

namespace Baton.Cli.Options;

/// <summary>What one verb has in hand: its command line, where to write, and the server.</summary>
internal sealed record ServerCall(
    ParseResult Parsed,
    CliConsole Console,
    ITemporalConnection Connection,
    TemporalClientConnectOptions Target,
    CancellationToken Cancel)
{
    public WorkflowService Service => Connection.WorkflowService;

    public string Namespace => Target.Namespace!;

    public string Identity => Target.Identity!;

    /// <summary>For each call: stops with the command, and is tried again while the server is starting.</summary>
    public RpcOptions Rpc => new() { CancellationToken = Cancel, Retry = true };

    public T? Get<T>(Option<T> option) => Parsed.GetValue(option);

    public T Require<T>(Option<T> option) => Parsed.GetRequiredValue(option);
}
