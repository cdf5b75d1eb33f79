namespace Web;

public static class Health
{
    /// <summary>What keeps the service from working; null when nothing does.</summary>
    public static string? Problem() => null;
}
