using System.Globalization;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>A process, and not whichever the kernel gives its number next.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Start">Ticks from the boot to its start.</param>
/// <param name="Boot">Which boot.</param>
internal sealed record ProcessIdentity(int Id, ulong Start, string Boot)
{
    /// <summary>Field of /proc/PID/stat behind the process's name (proc(5): 22, the name is 2).</summary>
    private const int StartField = 19;

    /// <summary>Null: there is no such process.</summary>
    public static ProcessIdentity? Find(int id)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            // The name is anything, in brackets.
            var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > StartField && ulong.TryParse(fields[StartField], CultureInfo.InvariantCulture, out var start)
                && fields[0] is not ("Z" or "X")
                ? new(id, start, File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim())
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Id} {Start} {Boot}");
}
