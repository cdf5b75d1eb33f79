using System.Text;
using Baton.Server.Events;

namespace Baton.Server.Tests.Events;

public sealed class CloudEventTests
{
    [Fact]
    public void All_problems_of_an_event_are_named()
    {
        var json = """{"specversion":"0.3","source":"","type":7,"time":"yesterday","data":1,"data_base64":"***","Extra":"x","nested":{},"big":4294967296,"dataschema":"x","datacontenttype":"nonsense","subject":"a\u0007"}""";
        Assert.False(CloudEvent.TryParse(Encoding.UTF8.GetBytes(json), out _, out var problems));
        Assert.Equal(
            ["/Extra", "/big", "/data_base64", "/data_base64", "/datacontenttype", "/dataschema", "/id", "/nested", "/source", "/specversion", "/subject", "/time", "/type"],
            problems.Select(problem => problem.Path).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("\"text\"")]
    [InlineData("""{"id":"1","id":"2","specversion":"1.0","type":"t","source":"s"}""")]
    [InlineData("""{"id":"\ud800","specversion":"1.0","type":"t","source":"s"}""")]
    [InlineData("""{"id":"1","specversion":"1.0","type":"t","source":"s","a\ud800":1}""")]
    [InlineData("""{"id":"1","specversion":"1.0","type":"t","source":"s","data":{"a":["\udc00"]}}""")]
    public void What_is_no_event_is_refused(string json) => Assert.False(CloudEvent.TryParse(Encoding.UTF8.GetBytes(json), out _, out _));

    [Theory]
    [InlineData("""{"id":"1","specversion":"1.0","type":"t","source":"urn:x"}""")]
    [InlineData("""{"id":"1","specversion":"1.0","type":"t","source":"/s","time":"2026-11-22T18:00:00.123456789+01:00","flag":true,"count":-5,"none":null,"data_base64":"AAEC"}""")]
    public void What_the_specification_allows_is_taken(string json) => Assert.True(CloudEvent.TryParse(Encoding.UTF8.GetBytes(json), out _, out _));

    [Theory]
    [InlineData("a.*", "a.b", true)]
    [InlineData("a.*", "a", false)]
    [InlineData("a.*", "a.b.c", false)]
    [InlineData("a.>", "a.b.c", true)]
    [InlineData("a.>", "a", false)]
    [InlineData(">", "", true)]
    [InlineData("*", "a", true)]
    [InlineData("*.c", "a.c", true)]
    [InlineData("a.b", "a.b", true)]
    [InlineData("a.b", "a.B", false)]
    public void Patterns_match_part_by_part(string pattern, string type, bool matches) => Assert.Equal(matches, EventPattern.Parse(pattern).Matches(type));

    [Theory]
    [InlineData("")]
    [InlineData("a.>.b")]
    [InlineData("a*.b")]
    [InlineData(">>")]
    public void What_is_no_pattern_is_refused(string pattern) => Assert.False(EventPattern.TryParse(pattern, out _));
}
