using Baton.Server.Errors;
using Baton.Server.Projects;

namespace Baton.Server.Tests;

public sealed class ProjectReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Reads_every_key()
    {
        folder.Write("baton.yaml", """
            name: shop
            server: { port: 7300, namespace: shop }
            prepare:
              - make all
            processes:
              worker:
                run: [bin/worker, --fast]
                folder: sub
                environment: { QUEUE: orders, COUNT: 3 }
                when: .baton/release
                ready: http://127.0.0.1:80/healthz
            next:
              - say: Place an order
                run: baton workflow start
            """);

        var project = Read();

        Assert.Equal(("shop", (ushort)7300, "shop"), (project.Name, project.Port, project.Namespace));
        Assert.Equal(["/bin/sh", "-c", "make all"], Assert.Single(project.Prepare).Arguments);
        var worker = Assert.Single(project.Processes);
        Assert.Equal("worker", worker.Name);
        Assert.Equal(["bin/worker", "--fast"], worker.Command.Arguments);
        Assert.Equal(folder.File("sub"), worker.Command.Folder);
        Assert.Equal("3", worker.Command.Environment["COUNT"]);
        Assert.Equal(folder.File(".baton/release"), worker.When);
        Assert.Equal(new Uri("http://127.0.0.1:80/healthz"), worker.Ready);
        Assert.Equal(new ProjectHint("Place an order", "baton workflow start"), Assert.Single(project.Next));
    }

    [Fact]
    public void Defaults_are_the_folder_name_port_7233_and_namespace_default()
    {
        folder.Write("baton.yaml", "processes: { w: { run: ./w } }");

        var project = Read();

        Assert.Equal(Path.GetFileName(folder.Path), project.Name);
        Assert.Equal((Project.DefaultPort, "default"), (project.Port, project.Namespace));
        Assert.Empty(project.Prepare);
    }

    [Fact]
    public void Reports_all_problems_with_their_places()
    {
        folder.Write("baton.yaml", """
            name: [a, b]
            serve: {}
            server: { port: 70000 }
            processes:
              "bad name": { run: x }
              empty: {}
              other: { run: x, restart: always, ready: nowhere, environment: { A: "${MISSING}" } }
            """);

        var error = Assert.Throws<BatonException>(() => Read());

        Assert.Equal(ErrorCodes.InvalidProject, error.Code);
        Assert.Equal(
            """
            line 1, column 7: `name` must be a text
            line 2, column 1: the document knows no `serve`; it takes name, server, settings, flows, prepare, processes, next
            line 3, column 17: `port` must be 0 to 65535, not 70000
            line 5, column 15: process name bad name may have letters, digits, - and _ only
            line 6, column 10: process empty has no `run`
            line 7, column 20: process other knows no `restart`; it takes run, folder, environment, when, ready
            line 7, column 44: `ready` must be an http address
            line 7, column 71: the variable MISSING is not set; give it, or a default: ${MISSING:-default}
            """,
            error.Cause);
    }

    [Fact]
    public void Broken_yaml_names_its_place()
    {
        folder.Write("baton.yaml", "name: x\nprocesses: ]");

        var error = Assert.Throws<BatonException>(() => Read());

        Assert.StartsWith("line 2, column", error.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Variables_are_put_in_with_their_defaults()
    {
        folder.Write("baton.yaml", "processes: { w: { run: [\"${SET}\", \"${UNSET:-fallback}\", \"${BATON_DATA}\"] } }");

        var project = ProjectReader.Read(folder.Path, name => name == "SET" ? "given" : null);

        Assert.Equal(["given", "fallback", folder.File(".baton")], project.Processes[0].Command.Arguments);
    }

    [Fact]
    public void Without_a_file_a_single_project_is_built_and_run()
    {
        folder.Write("shop.csproj", "<Project />");

        var project = Read();

        Assert.Contains("dotnet build", Assert.Single(project.Prepare).ToString(), StringComparison.Ordinal);
        Assert.Equal("dotnet", Assert.Single(project.Processes).Command.Arguments[0]);
    }

    [Fact]
    public void Any_other_folder_is_a_server_alone()
    {
        var project = Read();

        Assert.Empty(project.Prepare);
        Assert.Empty(project.Processes);
    }

    [Fact]
    public void A_folder_that_is_not_there_says_so() =>
        Assert.Equal(ErrorCodes.NoProject, Assert.Throws<BatonException>(() => ProjectReader.Read(folder.File("none"), _ => null)).Code);

    private Project Read() => ProjectReader.Read(folder.Path, _ => null);
}
