namespace Baton.Cli.Tests;

public sealed class JqVerbTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("baton-jq-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_filter_runs_on_each_text_of_a_file()
    {
        var file = Write("""{"a":[1,{"b":"x"}]} {"a":2}""");
        Assert.Equal("[1,{\"b\":\"x\"}]\n[]\n", (await BatonProcess.RunAsync("jq", "-c", "[.a[]?]", file)).Expect(0).Out);
        Assert.Equal("[\n  2\n]\n", (await BatonProcess.RunAsync("jq", "-s", "[length]", file)).Expect(0).Out);
    }

    [Fact]
    public async Task Variables_and_raw_strings_are_as_in_jq() => Assert.Equal(
        "Ada\n0,1,2\n",
        (await BatonProcess.RunAsync("jq", "-n", "-r", "--arg", "who", "Ada", "--argjson", "n", "3", "$who, ([range($n)] | @csv)")).Expect(0).Out);

    [Fact]
    public async Task A_format_is_a_filter_and_no_file_of_arguments() =>
        Assert.Equal("\"WzFd\"\n", (await BatonProcess.RunAsync("jq", "@base64", Write("[1]"))).Expect(0).Out);

    [Fact]
    public async Task What_a_flow_may_not_call_is_named_with_its_place()
    {
        var result = (await BatonProcess.RunAsync("jq", "--deterministic", "-n", "1 + now")).Expect(ExitCodes.Usage);
        Assert.Contains("now is not allowed in a deterministic program at <top-level>, line 1, column 5", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_on_one_text_is_told_and_the_next_follows()
    {
        var result = (await BatonProcess.RunAsync("jq", ". + 1", Write("1 \"x\" 2"))).Expect(ExitCodes.Failure);
        Assert.Equal("2\n3\n", result.Out);
        Assert.Equal("jq: error: string (\"x\") and number (1) cannot be added\n", result.Error);
    }

    [Fact]
    public async Task Broken_input_is_told_with_its_place_after_what_came_before()
    {
        var result = (await BatonProcess.RunAsync("jq", ".", Write("1\n[2"))).Expect(ExitCodes.Usage);
        Assert.Equal("1\n", result.Out);
        Assert.Contains("Unfinished JSON term at EOF at line 2, column 2", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Halting_sets_the_exit_code()
    {
        var result = (await BatonProcess.RunAsync("jq", "-n", "\"bye\" | halt_error(7)")).Expect(7);
        Assert.Equal("bye\n", result.Error);
    }

    private string Write(string text)
    {
        var file = Path.Combine(folder, "input.json");
        File.WriteAllText(file, text);
        return file;
    }
}
