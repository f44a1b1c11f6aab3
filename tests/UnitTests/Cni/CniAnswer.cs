using System.Text;
using System.Text.Json;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>Reads what a call answered.</summary>
internal static class CniAnswer
{
    public static string Text(ShimReply reply) => Encoding.UTF8.GetString(reply.Output.Span);

    public static string? AddressIn(ShimReply reply)
    {
        using var document = JsonDocument.Parse(reply.Output);
        return document.RootElement.GetProperty("ips")[0].GetProperty("address").GetString();
    }

    public static void AssertError(ShimReply reply, int code, string text)
    {
        Assert.That(reply.ExitCode, Is.EqualTo(1), Text(reply));
        using var document = JsonDocument.Parse(reply.Output);
        Assert.That(document.RootElement.GetProperty("code").GetInt32(), Is.EqualTo(code), Text(reply));
        var said = document.RootElement.GetProperty("msg")
            .GetString() + " " + (document.RootElement.TryGetProperty("details", out var details) ? details.GetString() : "");
        Assert.That(said, Does.Contain(text));
    }
}
