using System.Globalization;
using System.Xml.Linq;
using Baton.Flows.Model;
using Baton.Flows.Parse;

namespace Baton.Flows.Tests.Model;

public sealed class FlowDiagramTests
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: drawn, version: 1.0.0 }\n";

    private const string Flow = Head + """
        do:
        - first: { set: { x: "<&>" } }
        - choose: { switch: [ { big: { when: .x > 1, then: last } }, { small: { when: .x < 1, then: first } }, { gone: { then: end } } ] }
        - work:
            try:
            - all: { fork: { branches: [ { a: { wait: PT1S } }, { b: { call: http, with: { method: get, endpoint: 'https://x.example' } } } ] } }
            catch: { do: [ { sorry: { set: { y: 1 }, then: exit } }, { more: { set: { y: 1 } } } ] }
        - last: { for: { in: '${ [1] }' }, do: [ { inner: { raise: { error: { type: 'https://x.example/e', status: 400 } } } } ] }
        """;

    private static XElement Draw(string flow) => XElement.Parse(FlowDiagram.Svg(FlowReader.Read(flow).Definition!));

    private static List<XElement> Elements(XElement svg, string name) => [.. svg.Descendants().Where(e => e.Name.LocalName == name)];

    private static (double X, double Y, double Right, double Bottom) Area(XElement rect)
    {
        double Of(string name) => double.Parse(rect.Attribute(name)!.Value, CultureInfo.InvariantCulture);
        return (Of("x"), Of("y"), Of("x") + Of("width"), Of("y") + Of("height"));
    }

    [Fact]
    public void Every_task_is_drawn_once_and_every_way_is_an_arrow()
    {
        var svg = Draw(Flow);
        var texts = Elements(svg, "text").ConvertAll(t => t.Value);
        string[] tasks = ["first: set", "choose: switch", "work: try", "all: fork", "a: wait", "b: call http", "sorry: set", "more: set", "last: for", "inner: raise"];
        Assert.All(tasks, task => Assert.Single(texts, task));
        Assert.Equal(tasks.Length, Elements(svg, "rect").Count);
        // start → first → choose → last, first, finish; work → last → finish; and within: nothing leads on from 'sorry'.
        Assert.Equal(7, Elements(svg, "path").Count(p => p.Attribute("marker-end") is not null));
        Assert.Contains("→ exit", texts);
        Assert.Contains("big", texts);
    }

    [Fact]
    public void Nothing_overlaps_but_a_frame_and_what_is_in_it() => CheckAreas(Draw(Flow));

    public static TheoryData<string> Examples() => [.. ExampleFiles().Select(f => Path.GetFileName(f)!)];

    [Theory]
    [MemberData(nameof(Examples))]
    public void The_examples_can_be_drawn(string file)
    {
        var text = File.ReadAllText(ExampleFiles().Single(f => Path.GetFileName(f) == file));
        CheckAreas(Draw(text));
        Assert.StartsWith("flowchart TD", FlowDiagram.Mermaid(FlowReader.Read(text).Definition!), StringComparison.Ordinal);
    }

    private static void CheckAreas(XElement svg)
    {
        var size = svg.Attribute("viewBox")!.Value.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var areas = Elements(svg, "rect").ConvertAll(Area);
        Assert.All(areas, a => Assert.True(a.X >= 0 && a.Y >= 0 && a.Right <= size[2] && a.Bottom <= size[3]));
        for (var i = 0; i < areas.Count; i++)
        {
            for (var j = i + 1; j < areas.Count; j++)
            {
                var (a, b) = (areas[i], areas[j]);
                var apart = a.Right <= b.X || b.Right <= a.X || a.Bottom <= b.Y || b.Bottom <= a.Y;
                var inside = a.X <= b.X && a.Y <= b.Y && a.Right >= b.Right && a.Bottom >= b.Bottom;
                Assert.True(apart || inside, $"{a} and {b} overlap");
            }
        }
    }

    private static IEnumerable<string> ExampleFiles() => Directory.GetFiles(Folder(), "*.yaml").Where(f => !f.EndsWith(".test.yaml", StringComparison.Ordinal));

    private static string Folder([System.Runtime.CompilerServices.CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "../../../examples/flows"));
}
