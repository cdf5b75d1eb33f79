namespace Baton.Examples.Tests;

/// <summary>
/// Points at which a shell command stops until the test lets it go on. Each arrival is a line in NAME.arrived, so that
/// a test knows when a killed attempt has been replaced by the next.
/// </summary>
internal sealed class Gates(string folder)
{
    /// <summary>The shell command that arrives at a gate and waits until it is open.</summary>
    public string Command(string name) =>
        $"echo arrived >> '{Arrived(name)}'; while [ ! -e '{OpenMark(name)}' ]; do sleep 0.05; done";

    public int Arrivals(string name) => File.Exists(Arrived(name)) ? File.ReadAllLines(Arrived(name)).Length : 0;

    public void Open(string name) => File.WriteAllText(OpenMark(name), "");

    public void Close(string name)
    {
        File.Delete(OpenMark(name));
        File.Delete(Arrived(name));
    }

    private string Arrived(string name) => Path.Combine(folder, $"{name}.arrived");

    private string OpenMark(string name) => Path.Combine(folder, $"{name}.open");
}
