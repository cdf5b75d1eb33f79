using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.TaskQueues;

/// <summary>`baton taskqueue ...`</summary>
internal static class TaskQueueNoun
{
    public static Command Create()
    {
        var client = new ClientOptions();
        return client.AddTo(new Command("taskqueue", "Look at task queues.") { DescribeVerb.Create(client) });
    }
}
