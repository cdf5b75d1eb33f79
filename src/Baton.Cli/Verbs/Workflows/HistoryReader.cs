using System.Runtime.CompilerServices;
using Baton.Cli.Options;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>Reads the events of one run, page by page.</summary>
internal static class HistoryReader
{
    /// <param name="wait">Waits for further events until the run closes, rather than ending with what there is.</param>
    public static async IAsyncEnumerable<HistoryEvent> ReadAsync(
        ServerCall call,
        WorkflowExecution execution,
        bool wait,
        HistoryEventFilterType filter = HistoryEventFilterType.AllEvent,
        [EnumeratorCancellation] CancellationToken cancel = default)
    {
        var token = ByteString.Empty;
        do
        {
            cancel.ThrowIfCancellationRequested();
            var page = await call.Service.GetWorkflowExecutionHistoryAsync(
                new()
                {
                    Namespace = call.Namespace,
                    Execution = execution,
                    NextPageToken = token,
                    WaitNewEvent = wait,
                    HistoryEventFilterType = filter,
                    SkipArchival = true,
                },
                call.Rpc);
            foreach (var historyEvent in page.History?.Events ?? [])
            {
                yield return historyEvent;
            }
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);
    }
}
