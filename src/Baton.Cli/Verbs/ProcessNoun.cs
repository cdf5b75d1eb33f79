using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Server.Control;
using Baton.Server.Processes;

namespace Baton.Cli.Verbs;

/// <summary>`baton process list|restart`: the processes of a project that is up.</summary>
internal static class ProcessNoun
{
    public static Command Create()
    {
        var project = new Option<string>("--project")
        {
            Description = "Project folder (default: BATON_PROJECT, or the current folder).",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("BATON_PROJECT") ?? ".",
            Recursive = true,
            HelpName = "PATH",
        };
        return new Command("process", "See and restart the processes of a project that is up.") { project, List(project), Restart(project) };
    }

    private static Command List(Option<string> project)
    {
        var command = new Command("list", "List the processes.");
        command.SetAction(async (parsed, cancel) =>
        {
            using var client = new ControlClient(parsed.GetRequiredValue(project));
            Print(OutputOptions.Console(parsed), await client.ListAsync(cancel));
        });
        return command;
    }

    private static Command Restart(Option<string> project)
    {
        var name = new Argument<string>("NAME") { Description = "Process, as baton.yaml names it." };
        var command = new Command("restart", "Stop a process if it runs, and start it anew.") { name };
        command.SetAction(async (parsed, cancel) =>
        {
            using var client = new ControlClient(parsed.GetRequiredValue(project));
            Print(OutputOptions.Console(parsed), [await client.RestartAsync(parsed.GetRequiredValue(name), cancel)]);
        });
        return command;
    }

    private static void Print(CliConsole console, IReadOnlyList<ProcessStatus> processes)
    {
        if (console.IsJson)
        {
            console.JsonList(processes.Select(process => new JsonObject
            {
                ["name"] = process.Name,
                ["state"] = Format.Words(process.State),
                ["pid"] = process.Pid,
                ["restarts"] = process.Restarts,
                ["since"] = JsonSerializer.SerializeToNode(process.Since),
            }));
            return;
        }
        console.Table(
            ["NAME", "STATE", "PID", "RESTARTS"],
            processes.Select(process => new[] { process.Name, Format.Words(process.State), $"{process.Pid}", $"{process.Restarts}" }));
    }
}
