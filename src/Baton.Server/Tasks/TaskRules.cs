namespace Baton.Server.Tasks;

/// <summary>When votes are a decision. Pure, and for each order of the same votes the same, until there is a decision.</summary>
internal static class TaskRules
{
    public const string Approved = "approved";
    public const string Rejected = "rejected";

    /// <param name="quorum">Approvals that are needed, 1 to <paramref name="of"/>.</param>
    /// <param name="of">Votes that may come.</param>
    /// <returns>Null while both are still possible.</returns>
    public static string? Outcome(int quorum, int of, IReadOnlyCollection<(TaskVote Vote, bool IsVeto)> votes)
    {
        var rejections = votes.Count(vote => vote.Vote == TaskVote.Reject);
        if (votes.Any(vote => vote is { Vote: TaskVote.Reject, IsVeto: true }) || rejections > of - quorum)
        {
            return Rejected;
        }
        return votes.Count - rejections >= quorum ? Approved : null;
    }
}
