using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow result`</summary>
internal static class ResultVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("result", "Wait until a workflow closes, and print its result.");
        var reference = new WorkflowReference();
        reference.AddTo(command);
        client.SetAction(command, call => WorkflowOutcome.PrintAsync(call, reference.Read(call.Parsed)));
        return command;
    }
}
