using Microsoft.AspNetCore.DataProtection;

namespace Baton.Server.Secrets;

/// <summary>ASP.NET's data protection (session cookies, the state of a sign-in) on the master keys, so that all replicas read what one wrote.</summary>
internal sealed class KeyRingProtection(KeyRing keys, string purpose = "protection") : IDataProtector
{
    private readonly string purpose = purpose;
    private readonly Sealer sealer = new(keys, purpose);

    public IDataProtector CreateProtector(string purpose) => new KeyRingProtection(keys, $"{this.purpose}/{purpose.Length}:{purpose}");

    public byte[] Protect(byte[] plaintext) => sealer.Seal(plaintext, purpose);

    public byte[] Unprotect(byte[] protectedData) => sealer.Open(protectedData, purpose);
}
