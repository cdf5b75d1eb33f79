using Baton.Durable.Engine;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Update.V1;

namespace Baton.Durable.Execution;

internal enum UpdateStage
{
    /// <summary>Known to the server, not yet given to a worker.</summary>
    Admitted,

    /// <summary>With a worker, in a workflow task.</summary>
    Sent,

    Accepted,
    Completed,
}

/// <summary>
/// An update on its way. What a worker accepted is in the history; before that it lives here, and a caller whose server went away asks
/// again under the same id.
/// </summary>
internal sealed class PendingUpdate(string id, Request request)
{
    public string Id { get; } = id;

    public Request Request { get; } = request;

    /// <summary>An event of the history admits it, which is how workers learn of it: a message beside the event would be a second update.</summary>
    public bool InHistory { get; init; }

    public bool IsUnsent => Stage == UpdateStage.Admitted && !InHistory;

    public UpdateStage Stage { get; set; } = UpdateStage.Admitted;

    public Outcome? Outcome { get; set; }

    /// <summary>0 before it is accepted.</summary>
    public long AcceptedEventId { get; set; }

    /// <summary>Requests for the same update that came before a worker accepted it, with callbacks of their own.</summary>
    public List<Request> Joined { get; } = [];

    public List<(UpdateWorkflowExecutionLifecycleStage WaitFor, Reply<UpdateAnswer> Reply)> Waiters { get; } = [];

    /// <summary>Moves on and answers whoever waited for this stage.</summary>
    public void Advance(Step step, UpdateStage stage, Outcome? outcome = null)
    {
        Stage = stage;
        Outcome = outcome ?? Outcome;
        for (var i = Waiters.Count - 1; i >= 0; i--)
        {
            var (waitFor, reply) = Waiters[i];
            if (IsReached(waitFor))
            {
                Waiters.RemoveAt(i);
                reply.Set(step, Answer());
            }
        }
    }

    public bool IsReached(UpdateWorkflowExecutionLifecycleStage waitFor) => waitFor switch
    {
        UpdateWorkflowExecutionLifecycleStage.Completed => Stage == UpdateStage.Completed,
        UpdateWorkflowExecutionLifecycleStage.Accepted => Stage >= UpdateStage.Accepted,
        _ => true,
    };

    public UpdateAnswer Answer() => new(
        Stage switch
        {
            UpdateStage.Completed => UpdateWorkflowExecutionLifecycleStage.Completed,
            UpdateStage.Accepted => UpdateWorkflowExecutionLifecycleStage.Accepted,
            _ => UpdateWorkflowExecutionLifecycleStage.Admitted,
        },
        Outcome, AcceptedEventId);

    public void Fail(Step step, Exception reason)
    {
        foreach (var (_, reply) in Waiters)
        {
            reply.Fail(step, reason);
        }

        Waiters.Clear();
    }

    public void Abandon(Exception reason)
    {
        foreach (var (_, reply) in Waiters)
        {
            reply.Reject(reason);
        }

        Waiters.Clear();
    }
}

internal sealed record UpdateAnswer(UpdateWorkflowExecutionLifecycleStage Stage, Outcome? Outcome, long AcceptedEventId);

/// <summary>Updates of a run that are not completed, in order of arrival.</summary>
internal sealed class UpdateRegistry
{
    private readonly List<PendingUpdate> updates = [];

    /// <summary>Something here is not in the history, or somebody waits.</summary>
    public bool IsPinned => updates.Exists(static update => update.Stage < UpdateStage.Accepted || update.Waiters.Count > 0);

    public int InFlight => updates.Count;

    public bool HasUnsent => updates.Exists(static update => update.IsUnsent);

    public IReadOnlyList<PendingUpdate> All => updates;

    public PendingUpdate? Find(string id) => updates.Find(update => update.Id == id);

    public void Add(PendingUpdate update) => updates.Add(update);

    public void Remove(PendingUpdate update) => updates.Remove(update);

    /// <summary>The worker that had them failed: they are given to the next workflow task.</summary>
    public void Resend()
    {
        foreach (var update in updates.Where(static update => update.Stage == UpdateStage.Sent))
        {
            update.Stage = UpdateStage.Admitted;
        }
    }

    public List<PendingUpdate> TakeAll()
    {
        var all = updates.ToList();
        updates.Clear();
        return all;
    }

    public void Abandon(Exception reason)
    {
        foreach (var update in updates)
        {
            update.Abandon(reason);
        }

        updates.Clear();
    }
}
