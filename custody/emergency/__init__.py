"""Breaking the glass: who a patient is, shown to somebody who otherwise may not know, for a short time."""
