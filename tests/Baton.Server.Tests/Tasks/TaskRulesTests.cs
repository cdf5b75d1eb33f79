using Baton.Server.Tasks;

namespace Baton.Server.Tests.Tasks;

/// <summary>Every sequence of votes of up to five people, for every quorum: the rules are checked against what the words say.</summary>
public sealed class TaskRulesTests
{
    public static TheoryData<int, int> Quorums => [.. from of in Enumerable.Range(1, 5) from quorum in Enumerable.Range(1, of) select (quorum, of)];

    [Theory]
    [MemberData(nameof(Quorums))]
    public void A_decision_comes_as_soon_as_nothing_can_change_it_and_not_before(int quorum, int of)
    {
        foreach (var votes in Sequences(of, [(TaskVote.Approve, false), (TaskVote.Reject, false)]))
        {
            var approvals = votes.Count(vote => vote.Vote == TaskVote.Approve);
            var left = of - votes.Length;
            var expected = approvals >= quorum ? TaskRules.Approved : approvals + left < quorum ? TaskRules.Rejected : null;

            Assert.Equal(expected, TaskRules.Outcome(quorum, of, votes));
            Assert.True(left > 0 || expected is not null, "when all have voted there is a decision");
        }
    }

    [Theory]
    [MemberData(nameof(Quorums))]
    public void A_veto_rejects_whatever_the_others_say(int quorum, int of)
    {
        foreach (var votes in Sequences(of, [(TaskVote.Approve, false), (TaskVote.Approve, true), (TaskVote.Reject, false), (TaskVote.Reject, true)]))
        {
            if (votes.Contains((TaskVote.Reject, true)))
            {
                Assert.Equal(TaskRules.Rejected, TaskRules.Outcome(quorum, of, votes));
            }
            else
            {
                // A veto that is not used is a vote as any other.
                Assert.Equal(TaskRules.Outcome(quorum, of, [.. votes.Select(vote => (vote.Vote, false))]), TaskRules.Outcome(quorum, of, votes));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Quorums))]
    public void The_order_of_votes_does_not_matter_while_it_is_open_and_a_decision_is_never_taken_back(int quorum, int of)
    {
        foreach (var votes in Sequences(of, [(TaskVote.Approve, false), (TaskVote.Reject, false)]))
        {
            var outcome = TaskRules.Outcome(quorum, of, votes);

            Assert.Equal(outcome, TaskRules.Outcome(quorum, of, [.. votes.Reverse()]));
            for (var count = 0; count < votes.Length; count++)
            {
                Assert.True(TaskRules.Outcome(quorum, of, votes[..count]) is not { } earlier || earlier == outcome);
            }
        }
    }

    private static IEnumerable<(TaskVote Vote, bool IsVeto)[]> Sequences(int atMost, (TaskVote, bool)[] votes)
    {
        IEnumerable<(TaskVote, bool)[]> found = [[]];
        for (var length = 0; length <= atMost; length++)
        {
            foreach (var sequence in found)
            {
                yield return sequence;
            }
            found = [.. found.SelectMany(sequence => votes.Select(vote => sequence.Append(vote).ToArray()))];
        }
    }
}
