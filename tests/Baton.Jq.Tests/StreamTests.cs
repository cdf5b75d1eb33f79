using System.Text;
using Xunit;

namespace Baton.Jq.Tests;

public class StreamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300_000)]
    public void Texts_are_read_however_the_stream_is_cut(int piece)
    {
        var long1 = "[" + string.Join(',', Enumerable.Range(0, 60_000)) + "]";
        var text = $"\uFEFF1 22 \"a\\n\" {long1}\n{{\"k\": [true, null]}}true 345";
        var (output, errors) = Run("length? // .", text, piece, new JqRunOptions { Indent = 0 });
        Assert.Equal("1\n22\n2\n60000\n1\ntrue\n345\n", output);
        Assert.Equal(0, errors);
    }

    [Fact]
    public void A_fault_is_told_by_its_line_and_column()
    {
        var text = string.Concat(Enumerable.Repeat("[1,2]\n", 100_000)) + "  [1 2]\n" + string.Concat(Enumerable.Repeat("[1,2]\n", 100_000));
        var fault = Assert.Throws<JqJsonException>(() => Run("empty", text, 50_000, new JqRunOptions()));
        Assert.Equal("Expected separator between values at line 100001, column 7", fault.Message);
    }

    [Fact]
    public void Inputs_come_from_the_same_stream()
    {
        Assert.Equal("[1,[2,3]]\n", Run("[., [inputs]]", "1 2 3", 4, new JqRunOptions { Indent = 0 }).Output);
        Assert.Equal("[null,1]\n", Run("[., input]", "1 2 3", 4, new JqRunOptions { Indent = 0, NullInput = true }).Output);
        Assert.Equal("[1,2,3]\n", Run(".", "1 2 3", 4, new JqRunOptions { Indent = 0, Slurp = true }).Output);
    }

    [Fact]
    public void Outputs_are_laid_out_as_jq_does()
    {
        const string Text = """{"a":[1,{"b":[]}],"c":{},"d":"é\u0001"}""";
        Assert.Equal("{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": \"é\\u0001\"\n}\n", Run(".", Text, 9, new JqRunOptions()).Output);
        Assert.Equal("é\u0001\n", Run(".d", Text, 9, new JqRunOptions { Raw = true }).Output);
    }

    [Fact]
    public void Errors_are_told_and_counted()
    {
        var told = new List<string>();
        var (output, errors) = Run(".[0]", "[1] {} [2]", 100, new JqRunOptions { OnError = e => told.Add(e.Message) });
        Assert.Equal(("1\n2\n", 1), (output, errors));
        Assert.Equal(["Cannot index object with number (0)"], told);
    }

    private static (string Output, int Errors) Run(string filter, string text, int piece, JqRunOptions options)
    {
        using var output = new MemoryStream();
        var errors = new JqRunner(JqProgram.Parse(filter), options).Run(new Pieces(Encoding.UTF8.GetBytes(text), piece), output);
        return (Encoding.UTF8.GetString(output.ToArray()), errors);
    }

    /// <summary>Gives at most so many bytes at a time, as a pipe does.</summary>
    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, piece));
    }
}
