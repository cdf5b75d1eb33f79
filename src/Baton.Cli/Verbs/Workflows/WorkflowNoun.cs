using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow ...`</summary>
internal static class WorkflowNoun
{
    public static Command Create()
    {
        var client = new ClientOptions();
        return client.AddTo(new Command("workflow", "Start, watch and steer workflows.")
        {
            StartVerb.Create(client),
            ExecuteVerb.Create(client),
            ListVerb.Create(client),
            CountVerb.Create(client),
            DescribeVerb.Create(client),
            ShowVerb.Create(client),
            ResultVerb.Create(client),
            SignalVerb.Create(client),
            QueryVerb.Create(client),
            UpdateVerb.Create(client),
            CancelVerb.Create(client),
            TerminateVerb.Create(client),
            ResetVerb.Create(client),
            DeleteVerb.Create(client),
        });
    }
}
