using System.Collections.ObjectModel;

namespace Baton.Conformance.Support;

/// <summary>
/// The workflow that most cases drive from outside: it keeps what it is sent and ends when it is told to, with all that it was sent.
/// </summary>
[Workflow]
public class Mailbox
{
    private readonly Collection<string> _received = [];
    private string? _end;

    [WorkflowRun]
    public async Task<IReadOnlyCollection<string>> RunAsync()
    {
        await Workflow.WaitConditionAsync(() => _end is not null && Workflow.AllHandlersFinished);
        if (_end == "fail")
        {
            throw new ApplicationFailureException("told to fail", "ToldToFail", nonRetryable: true);
        }
        return _received;
    }

    [WorkflowSignal]
    public Task AddAsync(string item)
    {
        _received.Add(item);
        return Task.CompletedTask;
    }

    /// <summary>How it ends: <c>complete</c> or <c>fail</c>.</summary>
    [WorkflowSignal]
    public Task EndAsync(string how = "complete")
    {
        _end = how;
        return Task.CompletedTask;
    }

    [WorkflowQuery]
    public IReadOnlyCollection<string> Received() => _received;

    [WorkflowQuery]
    public string Broken() => throw new InvalidOperationException("broken query");

    /// <summary>Answers with how many items there are, after a signal named as the item when it starts with <c>wait:</c>.</summary>
    [WorkflowUpdate]
    public async Task<int> PutAsync(string item)
    {
        if (item.StartsWith("wait:", StringComparison.Ordinal))
        {
            await Workflow.WaitConditionAsync(() => _received.Contains(item[5..]));
        }
        if (item == "throw")
        {
            throw new ApplicationFailureException("update failed", "UpdateFailed");
        }
        _received.Add(item);
        return _received.Count;
    }

    [WorkflowUpdateValidator(nameof(PutAsync))]
    public void ValidatePut(string item)
    {
        if (item.Length == 0)
        {
            throw new ApplicationFailureException("item is empty", "EmptyItem");
        }
    }
}
