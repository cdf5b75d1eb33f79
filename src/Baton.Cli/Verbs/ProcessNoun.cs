using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;

namespace Baton.Cli.Verbs;

/// <summary>`baton process list|restart`: the processes of a project that is up.</summary>
internal static class ProcessNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("process", "See and restart the processes of a project that is up.") { List(api), Restart(api) });
    }

    private static Command List(ApiOptions api)
    {
        var command = new Command("list", "List the processes.");
        api.SetAction(command, async call => Print(call, (JsonArray)(await call.Client.GetAsync("processes", call.Cancel))!));
        return command;
    }

    private static Command Restart(ApiOptions api)
    {
        var name = new Argument<string>("NAME") { Description = "Process, as baton.yaml names it." };
        var command = new Command("restart", "Stop a process if it runs, and start it anew.") { name };
        api.SetAction(command, async call => Print(call, [await call.Client.PostAsync($"processes/{Uri.EscapeDataString(call.Get(name))}/restart", null, call.Cancel)]));
        return command;
    }

    private static void Print(ApiCall call, JsonArray processes)
    {
        if (call.Console.IsJson)
        {
            call.Console.JsonList(processes.Select(process => process!.DeepClone()));
            return;
        }
        call.Console.Table(["NAME", "STATE", "PID", "RESTARTS"], processes.Select(process => new[] { $"{process!["name"]}", $"{process["state"]}", $"{process["pid"]}", $"{process["restarts"]}" }));
    }
}
