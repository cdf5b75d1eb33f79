using System.CommandLine;
using Baton.Cli.Verbs;
using Baton.Server.Errors;

namespace Baton.Cli.Tests;

public sealed class ExplainTests
{
    [Fact]
    public async Task Unknown_code_is_not_found() =>
        Assert.Equal(ExitCodes.NotFound, await CliApp.RunAsync([ExplainVerb.Create()], ["explain", "BT0"]));

    [Fact]
    public void Every_page_is_headed_by_its_code()
    {
        Assert.NotEmpty(ErrorPages.Codes);
        foreach (var code in ErrorPages.Codes)
        {
            Assert.StartsWith($"# {code}: ", ErrorPages.Find(code), StringComparison.Ordinal);
        }
    }
}
