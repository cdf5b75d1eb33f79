using System.Text;
using Baton.Flows.Parse;
using Baton.Flows.Validate;
using CsCheck;

namespace Baton.Flows.Tests.Validate;

public sealed class FlowValidatorTests
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: t, version: 1.0.0 }\n";

    [Fact]
    public void All_problems_of_a_document_come_at_once_with_their_places()
    {
        const string Flow = """
            document:
              dsl: 1.0.3
              namespace: tests
              name: bad name
              version: 1.0
            use:
              secrets: [known]
            do:
            - first:
                set: { a: "${ .a + }", b: "${ now }", c: "${ $nothing }", d: "${ $secrets.other }" }
                then: secnd
            - second:
                wiat: PT1S
            - third:
                wait: { secnds: 3 }
                then: end
            - third:
                call: http
                with: { method: get }
            - fourth:
                call: unknownFunction
                timeout: nowhere
            - fifth:
                raise: { error: missing }
            """;
        var problems = FlowValidator.Validate(Flow).Problems;
        var found = problems.Select(p => $"{p.Line}:{p.Code}").ToList();
        Assert.Equal(
        [
            "4:BT3113", "5:BT3110", "10:BT3130", "10:BT3131", "10:BT3130", "10:BT3127", "11:BT3121", "13:BT3116", "15:BT3115", "17:BT3120", "19:BT3111", "21:BT3124", "22:BT3123", "24:BT3123",
        ], found.Where(f => !f.EndsWith("BT3122", StringComparison.Ordinal)));
        Assert.All(problems, p => Assert.True(p.Column > 0 && p.Cause.Length > 0 && p.Remedy.Length > 0));
        Assert.Contains(problems, p => p.Remedy.Contains("Did you mean 'second'?", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Remedy.Contains("Did you mean 'wait'?", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Remedy.Contains("Did you mean 'seconds'?", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("do: [ { a: { set: { x: 1 }, then: end } }, { b: { set: { x: 1 } } } ]", "BT3122")]
    [InlineData("use: { functions: { f: { call: g }, g: { call: f } } }\ndo: [ { a: { call: f } } ]", "BT3128")]
    [InlineData("do: [ { a: { set: { x: 1 }, output: { schema: { document: { type: nonsense } } } } } ]", "BT3132")]
    [InlineData("schedule: { cron: not a cron }\ndo: [ { a: { set: { x: 1 } } } ]", "BT3133")]
    [InlineData("do: [ { a: { call: 'log:1.0.0@default', with: { text: x } } } ]", "BT3125")]
    [InlineData("do: [ { a: { call: 'nothing:1.0.0@default' } } ]", "BT3124")]
    [InlineData("do: [ { a: { call: 'x:1.0.0@nowhere' } } ]", "BT3123")]
    [InlineData("do: [ { a: { run: { shell: { command: x }, script: { language: js, code: x } } } } ]", "BT3114")]
    [InlineData("do: [ { a: { set: { x: 1 }, st: 2 } } ]", "BT3112")]
    [InlineData("do: [ { a: { try: [ { x: { set: { a: 1 } } } ], catch: { retry: nothing } } } ]", "BT3123")]
    [InlineData("do: [ { a: { set: { x: 1 }, set: { y: 1 } } } ]", "BT3103")]
    [InlineData("do: [ { a: { set: {!!st[r x: 1 } } } ]", "BT3100")]
    public void Each_problem_has_its_code(string body, string code) => Assert.Contains(FlowValidator.Validate(Head + body).Problems, p => p.Code == code);

    [Fact]
    public void Missing_secrets_and_forbidden_processes_are_known_before_the_run()
    {
        var options = FlowValidationOptions.Default with { Secrets = new HashSet<string> { "here" }, Policy = FlowPolicy.Default };
        var problems = FlowValidator.Validate(Head + "use: { secrets: [here, gone] }\ndo: [ { a: { run: { shell: { command: ls } } } } ]", options).Problems;
        Assert.Equal(["BT3126", "BT3140"], problems.Select(p => p.Code));
    }

    [Fact]
    public void A_document_of_10_MB_is_refused() =>
        Assert.Equal("BT3101", Assert.Single(FlowValidator.Validate(Head + "do: []\n#" + new string('x', 10_000_000)).Problems).Code);

    [Fact]
    public void Ten_thousand_nested_tasks_are_refused()
    {
        var text = new StringBuilder(Head).Append("do: ");
        for (var i = 0; i < 10_000; i++)
        {
            text.Append("[{a: {do: ");
        }
        Assert.Equal("BT3102", Assert.Single(FlowValidator.Validate(text.ToString()).Problems).Code);
    }

    [Fact]
    public void A_bomb_of_aliases_is_refused()
    {
        var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 30; i++)
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }
        Assert.Equal("BT3101", Assert.Single(FlowValidator.Validate(text.ToString()).Problems).Code);
    }

    [Fact]
    public void YAML_and_JSON_of_the_same_content_have_the_same_hash()
    {
        var yaml = FlowReader.Read(Head + "do:\n- a: { set: { x: 0x10, y: +1.50, z: ~, t: 'true' } } # comment\n").Definition!;
        var json = FlowReader.Read("""{"document":{"dsl":"1.0.3","namespace":"tests","name":"t","version":"1.0.0"},"do":[{"a":{"set":{"x":16,"y":1.50,"z":null,"t":"true"}}}]}""").Definition!;
        Assert.Equal(json.Json, yaml.Json);
        Assert.Equal(json.Hash, yaml.Hash);
    }

    /// <summary>Whatever bytes come, the reader answers with problems and never with an exception.</summary>
    [Fact]
    public void Broken_documents_are_answered_with_problems()
    {
        var sound = Head + "do:\n- a: { call: http, with: { method: get, endpoint: 'https://x.example/{id}' }, then: end }\n- b: { listen: { to: { any: [ { with: { type: t } } ], until: . > 1 } } }\n";
        Gen.Select(Gen.Int[0, sound.Length - 1], Gen.Int[0, 12], Gen.String[Gen.Char["{}[]:,'\"-&*!|>%@`#\n\t ${}.~xa0"], 0, 6])
            .Sample(change =>
            {
                var (at, length, insert) = change;
                var text = sound.Remove(at, Math.Min(length, sound.Length - at)).Insert(at, insert);
                var validation = FlowValidator.Validate(text);
                Assert.True(validation.IsValid || validation.Problems.Any(p => p.Severity == FlowSeverity.Error));
            }, iter: 2_000, threads: 1);
    }
}
