using System.Text;

namespace Calico.Shim;

/// <summary>What the shim prints when it answers alone.</summary>
internal static class Answer
{
    /// <summary>CNI: try again later.</summary>
    public const int TryAgainLater = 11;

    /// <summary>CNI: invalid network configuration.</summary>
    public const int InvalidConfiguration = 7;

    /// <summary>CNI 1.1, STATUS: the plugin is not available.</summary>
    public const int NotAvailable = 50;

    /// <summary>CNI: i/o failure.</summary>
    public const int IoFailure = 5;

    /// <summary>Calico: the datastore cannot be reached.</summary>
    public const int ConnectionTest = 100;

    private const string Newest = "1.1.0";

    private static readonly string[] Versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", Newest];

    /// <summary>Prints the supported versions; the answer has the version that was asked, as the specification says.</summary>
    public static int Supported(string asked)
    {
        var version = Array.IndexOf(Versions, asked) >= 0 ? asked : Newest;
        Print($"{{\"cniVersion\":\"{version}\",\"supportedVersions\":[\"{string.Join("\",\"", Versions)}\"]}}\n");
        return 0;
    }

    /// <summary>What a person is told who runs the binary: who it is and what it speaks, on standard error, as plugins do.</summary>
    public static int About(string name)
    {
        Libc.WriteAll(2, Encoding.UTF8.GetBytes($"{name}: the Calico CNI plugin; a container runtime runs it with CNI_COMMAND set\n"
            + $"CNI protocol versions supported: {string.Join(", ", Versions)}\n"));
        return 0;
    }

    /// <summary>Prints CNI's error object.</summary>
    /// <returns>The exit code.</returns>
    public static int Error(string version, int code, string message, string details)
    {
        var text = new StringBuilder("{\"cniVersion\":\"");
        Escape(text, version.Length == 0 ? "0.2.0" : version);
        text.Append("\",\"code\":").Append(code).Append(",\"msg\":\"");
        Escape(text, message);
        text.Append("\",\"details\":\"");
        Escape(text, details);
        Print(text.Append("\"}\n").ToString());
        return 1;
    }

    /// <summary>Prints net-modules' error object.</summary>
    /// <returns>The exit code.</returns>
    public static int NetModulesError(string message)
    {
        var text = new StringBuilder("{\"error\":\"");
        Escape(text, message);
        Print(text.Append("\"}\n").ToString());
        return 1;
    }

    public static void Print(string text) => Print(Encoding.UTF8.GetBytes(text));

    public static void Print(ReadOnlySpan<byte> bytes) => Libc.WriteAll(1, bytes);

    private static void Escape(StringBuilder text, string value)
    {
        foreach (var c in value)
        {
            if (c is '"' or '\\')
            {
                text.Append('\\').Append(c);
            }
            else if (c < ' ')
            {
                text.Append("\\u00").Append("0123456789abcdef"[c >> 4]).Append("0123456789abcdef"[c & 15]);
            }
            else
            {
                text.Append(c);
            }
        }
    }
}
