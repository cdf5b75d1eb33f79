using System.Net.Sockets;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Durable;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Servers;

/// <summary>Runs a durable server until Ctrl-C or SIGTERM.</summary>
internal static class ServerRun
{
    public static async Task UntilStoppedAsync(CliConsole console, DurableServerOptions options, CancellationToken cancel)
    {
        await using var server = await StartAsync(options, cancel);
        if (console.IsJson)
        {
            console.Json(new JsonObject
            {
                ["address"] = server.Address,
                ["http"] = server.HttpAddress,
                ["namespace"] = server.Namespace,
                ["database"] = options.DatabasePath,
            });
        }
        else
        {
            console.Fields(
                ("Server", server.Address),
                ("HTTP", server.HttpAddress ?? "not served"),
                ("Namespaces", string.Join(", ", options.Namespaces)),
                ("State", options.DatabasePath ?? "in memory, lost on exit"));
        }
        var stopped = new TaskCompletionSource();
        await using var registration = cancel.Register(stopped.SetResult);
        await stopped.Task;
    }

    private static async Task<DurableServer> StartAsync(DurableServerOptions options, CancellationToken cancel)
    {
        try
        {
            return await DurableServer.StartAsync(options, cancel);
        }
        catch (DurableOptionsException exception)
        {
            throw new BatonException(
                ErrorCodes.Usage, "the server cannot start with these settings", string.Join('\n', exception.Problems),
                "correct the options that are named", exception);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            throw new BatonException(
                ErrorCodes.CannotListen, $"cannot listen on {options.Ip}:{options.Port}, or not open {options.DatabasePath ?? "the store"}", exception.Message,
                "stop what uses the port or the file, or choose others with --port and --db-filename", exception);
        }
    }
}
