using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Cli.Verbs.Servers;

/// <summary>`baton server run`: the whole server without a project, for containers and services.</summary>
internal static class RunVerb
{
    public static Command Create()
    {
        var data = new Option<string>("--data") { Description = "Folder of everything that the server keeps.", DefaultValueFactory = _ => ".baton", HelpName = "PATH" };
        var files = ServerSettings.Files();
        var set = SettingOptions.Set();
        var logLevel = Values.Choice(
            "--log-level",
            "Least level that is logged (default info).",
            ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warn", LogLevel.Warning), ("error", LogLevel.Error), ("never", LogLevel.None));
        var logFormat = Values.Choice("--log-format", "How logs are written (default text).", ("text", LogFormat.Text), ("json", LogFormat.Json));
        var command = new Command("run", "Run the server without a project, until Ctrl-C or SIGTERM.") { data, files, set, logLevel, logFormat };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var settings = ServerSettings.Read(parsed.GetValue(files), parsed.GetValue(set) ?? []).Checked();
            using var loggers = ServerLogging.Create(parsed.GetValue(logLevel) ?? LogLevel.Information, parsed.GetValue(logFormat) ?? LogFormat.Text);
            await using var server = await BatonServer.StartAsync(new(settings, DataFolder.Open(parsed.GetRequiredValue(data)), loggers, TimeProvider.System), cancel);
            if (console.IsJson)
            {
                console.Json(new JsonObject { ["url"] = server.Url, ["address"] = server.TemporalAddress });
            }
            else
            {
                console.Fields(("Server", server.Url), ("Durable", server.TemporalAddress), ("Data", Path.GetFullPath(parsed.GetRequiredValue(data))));
            }
            var stopped = new TaskCompletionSource();
            await using var registration = cancel.Register(stopped.SetResult);
            await stopped.Task;
        });
        return command;
    }
}
