using Baton.Durable.Services;
using Xunit;

namespace Baton.Durable.Tests.Hosting;

public sealed class LongPollTests
{
    [Theory]
    [InlineData(70_000, 60_000)]
    [InlineData(30_000, 29_000)]
    [InlineData(1_000, 900)]
    [InlineData(0, 1)]
    [InlineData(-5_000, 1)]
    public void A_poll_ends_a_little_before_its_callers_deadline(int leftMs, int expectedMs) =>
        Assert.Equal(TimeSpan.FromMilliseconds(expectedMs), LongPolls.Limit(TimeSpan.FromMilliseconds(leftMs), TimeSpan.FromMinutes(1)));
}
