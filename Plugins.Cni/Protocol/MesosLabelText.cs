using System.Text;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>How a key or a value of a Mesos label is written as a label of ours, whichever way the task gets its network.</summary>
internal static class MesosLabelText
{
    /// <summary>A slash becomes a dot, another foreign character a dash; a run of dots and dashes that holds a dot becomes one dot; dots
    /// and dashes at the ends go.</summary>
    public static string Sanitise(string text)
    {
        var mapped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            mapped.Append(c == '/' ? '.' : char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-');
        }

        var result = new StringBuilder(mapped.Length);
        for (var i = 0; i < mapped.Length;)
        {
            var end = i;
            var dotted = false;
            while (end < mapped.Length && mapped[end] is '.' or '-')
            {
                dotted |= mapped[end++] == '.';
            }

            if (dotted)
            {
                result.Append('.');
            }
            else
            {
                result.Append(mapped, i, end - i);
            }

            if (end < mapped.Length)
            {
                result.Append(mapped[end++]);
            }

            i = end;
        }

        return result.ToString().Trim('.', '-');
    }
}
