using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Cli.Verbs.Servers;
using Baton.Server;
using Baton.Server.Projects;
using Microsoft.Extensions.Logging;

namespace Baton.Cli.Verbs;

/// <summary>`baton up [PATH]`</summary>
internal static class UpVerb
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = "Project folder (default: the current one).", DefaultValueFactory = _ => "." };
        var port = new Option<ushort?>("--port", "-p") { Description = "TCP port of the durable server; 0 for a free one (default: the project's, or 7233)." };
        var database = new Option<string?>("--db-filename", "-f") { Description = "SQLite file (default: .baton/baton.db in the project's folder).", HelpName = "FILE" };
        var set = SettingOptions.Set();
        var logLevel = Values.Choice(
            "--log-level",
            "Least level that is logged (default info).",
            ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warn", LogLevel.Warning), ("error", LogLevel.Error), ("never", LogLevel.None));
        var command = new Command("up", "Run a project: durable server and processes, until Ctrl-C.") { path, port, database, set, logLevel };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var project = ProjectReader.Read(parsed.GetRequiredValue(path), Environment.GetEnvironmentVariable);
            using var loggers = ServerLogging.Create(parsed.GetValue(logLevel) ?? LogLevel.Information, LogFormat.Text);
            console.Note($"{project.Name}: {project.Folder}, data in {project.DataFolder}");
            var given = (parsed.GetValue(set) ?? []).Concat(parsed.GetValue(port) is { } number ? [new("Temporal:Port", $"{number}")] : []);
            var settings = BatonHost.SettingsOf(project, SettingOptions.Variables(), given).Checked();
            var options = new BatonHostOptions(settings, loggers, TimeProvider.System, (name, line) => console.Note($"{name} | {line}"))
            {
                DatabasePath = parsed.GetValue(database) is { } file ? Path.GetFullPath(file) : null,
            };
            await using var host = await BatonHost.StartAsync(project, options, cancel);
            await host.WaitReadyAsync(cancel);
            Print(console, project, host);
            var stopped = new TaskCompletionSource();
            await using var registration = cancel.Register(stopped.SetResult);
            await stopped.Task;
            console.Note("stopping");
        });
        return command;
    }

    private static void Print(CliConsole console, Project project, BatonHost host)
    {
        if (console.IsJson)
        {
            console.Json(new JsonObject
            {
                ["project"] = project.Name,
                ["url"] = host.Url,
                ["setupLink"] = host.SetupLink,
                ["address"] = host.Address,
                ["namespace"] = project.Namespace,
                ["data"] = project.DataFolder,
                ["next"] = new JsonArray([.. project.Next.Select(hint => new JsonObject { ["say"] = hint.Say, ["run"] = CommandLine(hint.Run, project, host) })]),
            });
            return;
        }
        console.Line($"\n{project.Name} is up: {host.Url}, durable server {host.Address}, namespace {project.Namespace}. Ctrl-C stops it.");
        if (host.SetupLink is { } link)
        {
            console.Line($"The first administrator is made here (once, within a day): {link}");
        }
        if (project.Next.Count > 0)
        {
            console.Line("In another terminal:");
        }
        foreach (var hint in project.Next)
        {
            console.Line($"\n  {hint.Say}\n    {CommandLine(hint.Run, project, host).Trim().ReplaceLineEndings("\n    ")}");
        }
        console.Line("");
    }

    /// <summary>The hint as it works here: with the way `baton` was called, and the server's address if it is not the usual one.</summary>
    private static string CommandLine(string run, Project project, BatonHost host)
    {
        var baton = Environment.GetEnvironmentVariable("BATON_COMMAND") ?? "baton";
        var where = host.Address == ClientOptions.DefaultAddress ? "" : $" --address {host.Address}";
        if (project.Namespace != "default")
        {
            where += $" --namespace {project.Namespace}";
        }
        return run
            .Replace("baton workflow", $"{baton} workflow{where}", StringComparison.Ordinal)
            .Replace("baton schedule", $"{baton} schedule{where}", StringComparison.Ordinal)
            .Replace("baton process", $"{baton} process --project {project.Folder}", StringComparison.Ordinal);
    }
}
